#include "backends/sim/gpu/runlist.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "backends/sim/gpu/parameters.h"

namespace gpreempt::sim {
namespace {

/// Cuts the queues of some processes into turns. SDMA queues are mapped in every turn.
std::vector<RunlistGroups::Group> turns_of(
    const Runlist& list, std::uint32_t slots,
    const std::function<QueueTraits(std::uint32_t)>& traits) {
  Runlist empty = list;  // every process, with its SDMA queues
  for (RunlistProcess& process : empty) {
    std::erase_if(process.queues, [&](std::uint32_t queue) { return traits(queue).compute; });
  }
  std::vector<RunlistGroups::Group> turns{{.list = empty}};
  std::uint32_t used = 0;
  bool has_cooperative = false;
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (const std::uint32_t queue : list[i].queues) {
      const QueueTraits kind = traits(queue);
      if (!kind.compute) {
        continue;
      }
      if (used == slots || (has_cooperative && kind.cooperative)) {
        turns.push_back({.list = empty});
        used = 0;
        has_cooperative = false;
      }
      turns.back().list[i].queues.push_back(queue);
      ++used;
      has_cooperative = has_cooperative || kind.cooperative;
    }
  }
  return turns;
}

}  // namespace

RunlistGroups::RunlistGroups(const GpuParameters& gpu, const Runlist& list,
                             const std::function<QueueTraits(std::uint32_t)>& traits) {
  for (std::size_t first = 0; first < list.size(); first += gpu.vmids) {
    const std::size_t last = std::min<std::size_t>(list.size(), first + gpu.vmids);
    const Runlist part(list.begin() + static_cast<std::ptrdiff_t>(first),
                       list.begin() + static_cast<std::ptrdiff_t>(last));
    processes_.push_back({.turns = turns_of(part, gpu.hqd_slots, traits)});
    count_ += static_cast<std::uint32_t>(processes_.back().turns.size());
  }
}

}  // namespace gpreempt::sim
