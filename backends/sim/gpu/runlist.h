#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "core/time.h"

namespace gpreempt::sim {

/// A process on a runlist (MAP_PROCESS), with those of its queues that are active (MAP_QUEUES
/// each). Processes whose queues are all off are on it all the same and hold a VMID.
struct RunlistProcess {
  std::int32_t process = 0;
  std::vector<std::uint32_t> queues;
};
/// Newest process first, newest queue first, as the driver lists them.
using Runlist = std::vector<RunlistProcess>;

/// What of a queue decides whether a runlist fits.
struct QueueTraits {
  bool compute = true;
  bool cooperative = false;
};

/// A runlist cut into the groups that can be mapped at once: at most `vmids` processes, at most
/// `hqd_slots` compute queues, at most one cooperative queue. A runlist that fits is one group.
/// Source: pm_calc_rlib_size (what makes it oversubscribed). That the firmware takes processes and
/// queues in the list's order is a reading of it (the algorithm is closed).
class RunlistGroups {
 public:
  struct Group {
    Runlist list;  ///< of one turn
  };
  /// Processes that are mapped together, and the turns their queues take.
  struct ProcessGroup {
    std::vector<Group> turns;
  };

  RunlistGroups() = default;
  RunlistGroups(const GpuParameters& gpu, const Runlist& list,
                const std::function<QueueTraits(std::uint32_t)>& traits);

  [[nodiscard]] const std::vector<ProcessGroup>& processes() const { return processes_; }
  /// Turns in all; 1 when everything fits, 0 for an empty runlist.
  [[nodiscard]] std::uint32_t count() const { return count_; }

 private:
  std::vector<ProcessGroup> processes_;
  std::uint32_t count_ = 0;
};

}  // namespace gpreempt::sim
