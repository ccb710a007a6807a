#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Texts as amdkfd prints them, made without the code under test: printf formats of its sources,
/// words by their numbers in v9_structs.h. Values are invented.
namespace gpreempt::kfd::debugfs {

using Words = std::vector<std::uint32_t>;

/// seq_hex_dump: rows of 8 words with their offset in bytes.
[[nodiscard]] std::string hex_rows(std::span<const std::uint32_t> words, std::string_view indent);

/// An AQL queue's descriptors as init_mqd and update_mqd leave them.
struct ComputeSample {
  std::uint64_t mqd = 0x8000600000;
  std::uint64_t ring = 0x7f10a0400000;
  std::uint32_t ring_bytes = 0x100000;
  std::uint64_t read_pointer = 0x7f10a03ff080;
  std::uint64_t write_pointer = 0x7f10a03ff038;
  std::uint32_t doorbell_dword = 0x1002;
  std::uint32_t priority = 7;
  std::uint64_t save_area = 0x7f1080000000;
  std::uint32_t save_area_bytes = 12214272;
  std::uint32_t control_stack_bytes = 8192;
  std::uint32_t control_stack_used = 0;
  std::uint32_t wave_state_used = 0;
  std::uint32_t read_dword = 0;   ///< modulo the ring, as all registers
  std::uint32_t write_dword = 0;  ///< counts on
};
/// The descriptor of one XCC: 512 words.
[[nodiscard]] Words compute_mqd(const ComputeSample& queue, std::uint32_t xcc);

struct SdmaSample {
  std::uint64_t ring = 0x7f10a0200000;
  std::uint32_t ring_bytes = 0x100000;
  std::uint64_t read_pointer = 0x7f10a01ff000;
  std::uint32_t doorbell_dword = 0x1400;
  std::uint32_t engine = 2;
  std::uint32_t rlc = 0;
};
[[nodiscard]] Words sdma_mqd(const SdmaSample& queue);

/// "  Compute queue on device f7bc" and its descriptors, one for each XCC.
[[nodiscard]] std::string compute_text(const ComputeSample& queue, std::uint32_t xccs = 4);
/// The same of an SDMA queue, followed by `neighbours` dumps of zeros.
[[nodiscard]] std::string sdma_text(const SdmaSample& queue, std::uint32_t neighbours = 0);

/// seq_reg_dump: up to 8 words in a line, a new line where the addresses have a gap.
struct Register {
  std::uint32_t address = 0;
  std::uint32_t value = 0;
};
[[nodiscard]] std::string register_rows(std::span<const Register> registers);

/// The 56 registers 0x1245..0x127c of a CP slot, of an XCC whose registers begin at word `base`.
[[nodiscard]] std::string cp_registers(std::uint32_t base, std::span<const std::uint32_t> words);
/// The 44 registers of an SDMA slot (42 if `old`), of an engine whose registers begin at `base`.
[[nodiscard]] std::string sdma_registers(std::uint32_t base, std::span<const std::uint32_t> words,
                                         bool old = false);

/// A node of `xccs` XCCs with a HIQ and 24 slots each and `engines` SDMA engines of 8 slots, all
/// idle but for the queue in slot (0, 2) of every XCC.
[[nodiscard]] std::string hqds_text(std::uint32_t node, std::string_view gpu_id, std::uint32_t xccs,
                                    std::uint32_t engines);
/// The words that `hqds_text` puts into its active slot on `xcc`.
[[nodiscard]] Words active_hqd(std::uint32_t xcc);

/// MAP_PROCESS of gfx9.4.2 and later, MAP_QUEUES of a compute queue.
[[nodiscard]] Words map_process(std::uint32_t pasid, std::uint32_t queues);
[[nodiscard]] Words map_queues(std::uint32_t doorbell_dword, std::uint64_t mqd,
                               std::uint64_t write_pointer, std::uint32_t selector = 0x20000010);

}  // namespace gpreempt::kfd::debugfs
