#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/debugfs/fields.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "core/error.h"

namespace gpreempt::kfd::debugfs {

enum class HqdKind {
  kHiq,   ///< the driver's own queue, in which it talks to the scheduler firmware
  kCp,    ///< a compute slot
  kSdma,  ///< a queue slot (RLC) of an SDMA engine
};

/// One hardware slot and where its registers are in `HqdsDump::registers`.
struct HqdSlot {
  HqdKind kind = HqdKind::kCp;
  std::uint32_t node = 0;  ///< index in `HqdsDump::nodes`
  /// Of a CP slot or HIQ: the XCC, pipe and queue. Of an SDMA slot: the engine, 0 and the RLC.
  std::uint32_t instance = 0;
  std::uint32_t pipe = 0;
  std::uint32_t queue = 0;
  std::uint32_t address = 0;  ///< of the first register, in bytes; instances differ
  std::size_t first = 0;
  std::size_t count = 0;
  bool operator==(const HqdSlot&) const = default;
};

/// One GPU or partition.
struct HqdsNode {
  std::uint32_t node = 0;  ///< its number in the topology
  std::uint32_t gpu_id = 0;
  bool is_stopped = false;  ///< its scheduler does not run, as during a reset; it has no slots
  bool operator==(const HqdsNode&) const = default;
};

/// In the order of the file: for each node the XCCs, each with HIQ first, then the SDMA engines.
struct HqdsDump {
  std::vector<HqdsNode> nodes;
  std::vector<HqdSlot> slots;
  std::vector<std::uint32_t> registers;

  [[nodiscard]] std::span<const std::uint32_t> registers_of(const HqdSlot& slot) const {
    return std::span<const std::uint32_t>(registers).subspan(slot.first, slot.count);
  }
  /// Shape: of a CP slot or HIQ.
  [[nodiscard]] QueueState state_of(const HqdSlot& slot) const {
    return QueueState(registers_of(slot).first<kHqdDwords>());
  }
  /// Whether a queue is mapped to the slot now. Of a CP slot: CP_HQD_ACTIVE, and nothing else. Of
  /// an SDMA slot: its ring and its doorbell are enabled; the ring alone stays so, as an MI308X
  /// showed that had no process. A slot keeps all other registers of the queue that was in it last.
  [[nodiscard]] bool is_active(const HqdSlot& slot) const;
  /// Not active, and a queue was in it since the GPU's reset.
  [[nodiscard]] bool is_stale(const HqdSlot& slot) const;

  bool operator==(const HqdsDump&) const = default;
};

/// Reads /sys/kernel/debug/kfd/hqds. An empty text is valid: there is no GPU. Registers are known
/// by their place in the block: addresses differ between instances and chips, and have gaps.
/// `path` is what errors call the text.
/// Errors: kParse, "FILE:LINE:COLUMN: reading hqds: what is wrong; what to do".
/// Source: kfd_debugfs_hqds_by_device (kfd_topology.c), dqm_debugfs_hqds and seq_reg_dump
/// (kfd_device_queue_manager.c).
[[nodiscard]] Result<HqdsDump> parse_hqds(std::string_view text, std::string_view path);

/// The text that amdkfd prints for these: `parse_hqds` gives them back.
/// Shape: slots in the order of their nodes, none of a stopped one; 56 registers, or an SDMA
/// slot's 44 or 42.
[[nodiscard]] std::string write_hqds(const HqdsDump& dump);

}  // namespace gpreempt::kfd::debugfs
