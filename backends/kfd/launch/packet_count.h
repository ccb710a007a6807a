#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/os.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// Counts the AQL packets that the GPU has taken from the rings of a process, kernels and barriers
/// alike, by the positions in its memory: the process is neither stopped nor told. Queues that were
/// destroyed stay counted as far as they were seen.
class PacketCount {
 public:
  PacketCount(std::string sysfs_root, std::string debugfs, Pid pid)
      : sysfs_root_(std::move(sysfs_root)), debugfs_(std::move(debugfs)), pid_(pid) {}

  /// Since the first call, which yields 0. Where the rings cannot be found (debugfs is root's) or
  /// the process has gone, what was counted before. Blocks: as reading small files does, and as
  /// debugfs does whenever the process has other queues than at the last call.
  [[nodiscard]] std::uint64_t look(Os& os);

 private:
  std::string sysfs_root_;
  std::string debugfs_;
  Pid pid_;
  std::vector<std::string> queues_;  ///< as sysfs named them when the rings were found
  std::vector<RingPlace> rings_;
  std::map<std::uint64_t, std::uint64_t> last_;  ///< position, by the address where it is kept
  std::uint64_t total_ = 0;
  bool is_first_ = true;
};

}  // namespace gpreempt::kfd
