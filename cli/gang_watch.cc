#include "cli/gang_watch.h"

#include <algorithm>
#include <cstddef>

#include "core/decision.h"

namespace gpreempt::cli {

void GangWatch::decision(const Decision& decision) {
  if (decision.verdict != Verdict::kSuspend || decision.reason == Reason::kLateQueue) {
    return;
  }
  // Those of one instant follow one another.
  const auto same =
      std::find_if(take_offs_.rbegin(), take_offs_.rend(), [&](const GangTakeOff& each) {
        return each.decided != decision.at || each.tenant == decision.tenant;
      });
  const bool known = same != take_offs_.rend() && same->decided == decision.at;
  if (!known) {
    take_offs_.push_back({.tenant = decision.tenant, .decided = decision.at});
  }
  const std::size_t index =
      known ? static_cast<std::size_t>(take_offs_.rend() - same) - 1 : take_offs_.size() - 1;
  ++take_offs_[index].members;
  open_[decision.sequence] = index;
}

void GangWatch::realisation(const Realisation& realisation) {
  const auto found = open_.find(realisation.sequence);
  if (found == open_.end()) {
    return;
  }
  GangTakeOff& take_off = take_offs_[found->second];
  open_.erase(found);
  if (realisation.queues_failed == 0) {
    ++take_off.off;
    take_off.first_off = std::min(take_off.first_off, realisation.at);
    take_off.last_off = std::max(take_off.last_off, realisation.at);
  }
}

}  // namespace gpreempt::cli
