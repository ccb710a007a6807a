#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backends/kfd/os.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// Where the ring of a compute queue and its positions lie, in its process's memory. The driver
/// names the three addresses in a queue's snapshot and in its MQD (words 136, 137 and 139 to 142).
struct RingPlace {
  std::uint64_t read_pointer = 0;
  std::uint64_t write_pointer = 0;
  std::uint64_t ring_base = 0;
  std::uint64_t ring_bytes = 0;
  bool is_aql = true;  ///< packets of 64 bytes, positions count packets; PM4: dwords
  friend bool operator==(const RingPlace&, const RingPlace&) = default;
};

enum class Activity {
  kBusy,
  kMaybeIdle,  ///< nothing is left to read, and whether the last packet is done cannot be seen
  kIdle,
};

/// Tells from its rings whether a process has work on the GPU. It reads the process's memory, and
/// neither traces nor stops it: the process cannot tell.
///
/// A ring whose positions differ is busy. Equal positions prove nothing, for firmware may count a
/// packet as read when it begins: a ring is idle if two looks in a row found the same positions,
/// equal, and the last packet's completion signal says that it is done. A last packet without a
/// signal leaves it at `kMaybeIdle`, and so does the first look of all. (A packet before the last
/// one may run on where the last has no barrier bit; a ring shows no more.)
class ActivityMeter {
 public:
  /// The rings from now on; what is known of those that stay is kept.
  void set_rings(std::span<const RingPlace> rings);
  [[nodiscard]] bool empty() const { return rings_.empty(); }

  /// One look. Never blocks; one read of the other process, and two more when a ring has just run
  /// empty. Without rings a process is idle. Errors: those of `Os::read_memory`.
  [[nodiscard]] SysResult<Activity> poll(Os& os, Pid pid);

 private:
  struct Positions {
    std::uint64_t read = 0;
    std::uint64_t write = 0;
    friend bool operator==(const Positions&, const Positions&) = default;
  };
  struct Ring {
    RingPlace place;
    std::optional<Positions> last;
    std::optional<Activity> verdict;  ///< of the last packet, once it is not busy
  };
  [[nodiscard]] static SysResult<Activity> judge(Os& os, Pid pid, Ring& ring, std::uint64_t write);

  std::vector<Ring> rings_;
  std::vector<Positions> seen_;
  std::vector<MemoryRange> ranges_;
};

}  // namespace gpreempt::kfd
