#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/debugfs/fields.h"
#include "core/error.h"

namespace gpreempt::kfd::debugfs {

enum class MqdKind {
  kCompute,
  kSdma,
  kDebug,      ///< DIQ, of old debuggers; laid out as a compute queue's
  kBadUser,    ///< the driver does not know the queue's type, and printed nothing more
  kBadKernel,  ///< the same for a queue of its own
  kNeither,    ///< "Weird: ..."
};

/// One queue as mqds lists it.
struct MqdsQueue {
  MqdKind kind = MqdKind::kCompute;
  std::uint32_t gpu_id = 0;  ///< sysfs prints the same number in decimal
  std::uint32_t bad_type = 0;
  /// Everything that was dumped. A compute queue: one MQD for each XCC of the GPU's partition. An
  /// SDMA queue: its own MQD, and then, where a compute queue was listed before it, as many words
  /// of its neighbours as that had more XCCs than one: amdkfd never resets its count of XCCs.
  std::vector<std::uint32_t> words;

  [[nodiscard]] std::size_t mqd_dwords() const {
    return kind == MqdKind::kSdma ? kSdmaMqdDwords : kMqdDwords;
  }
  /// How many MQDs were dumped.
  [[nodiscard]] std::size_t dumped() const { return words.size() / mqd_dwords(); }
  /// How many of them are this queue's.
  [[nodiscard]] std::size_t owned() const {
    return kind == MqdKind::kSdma && !words.empty() ? 1 : dumped();
  }
  /// The MQD of one XCC. Shape: `xcc` is less than `dumped()`; not of an SDMA queue.
  [[nodiscard]] std::span<const std::uint32_t, kMqdDwords> mqd(std::size_t xcc) const {
    return std::span<const std::uint32_t>(words).subspan(xcc * kMqdDwords).first<kMqdDwords>();
  }
  /// Shape: of an SDMA queue.
  [[nodiscard]] std::span<const std::uint32_t, kSdmaMqdDwords> sdma_mqd() const {
    return std::span<const std::uint32_t>(words).first<kSdmaMqdDwords>();
  }
  bool operator==(const MqdsQueue&) const = default;
};

struct MqdsProcess {
  std::uint32_t pid = 0;  ///< of the initial pid namespace
  /// Its address space's id up to Linux 6.14 (printed in hexadecimal); later the pid of its first
  /// thread.
  std::uint32_t pasid = 0;
  bool pasid_is_hex = false;
  std::vector<MqdsQueue> queues;  ///< newest first, of all GPUs; there may be none
  bool operator==(const MqdsProcess&) const = default;
};

/// In no particular order.
using MqdsDump = std::vector<MqdsProcess>;

/// Reads /sys/kernel/debug/kfd/mqds. An empty text is valid: no process uses the driver. `path` is
/// what errors call the text.
/// Not: queue ids. The file has none; see `doorbell_slot`.
/// Errors: kParse, "FILE:LINE:COLUMN: reading mqds: what is wrong; what to do".
/// Source: kfd_debugfs_mqds_by_process (kfd_process.c), pqm_debugfs_mqds
/// (kfd_process_queue_manager.c), debugfs_show_mqd (kfd_mqd_manager_v9.c).
[[nodiscard]] Result<MqdsDump> parse_mqds(std::string_view text, std::string_view path);

/// The text that amdkfd prints for these: `parse_mqds` gives them back.
[[nodiscard]] std::string write_mqds(const MqdsDump& dump);

}  // namespace gpreempt::kfd::debugfs
