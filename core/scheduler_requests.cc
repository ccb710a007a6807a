#include <algorithm>
#include <cstdint>
#include <span>

#include "core/decision.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policies/yield.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/scheduler_state.h"
#include "core/time.h"

/// What hints tell about single requests, for the policies that look at them.
namespace gpreempt {

using detail::kNoIndex;
using detail::OpenRequest;

void Scheduler::State::work_arrived(const WorkArrived& event, Instant now) {
  TrackedTarget& target = targets[entry(event.target)];
  if (target.gone) {
    return;
  }
  target.open.push_back({.number = event.request, .arrival = now});
  update_busy(target, now);
  update_requests(target);
}

/// A number that nobody knows ends the oldest request, so that a hint that was lost or repeated
/// does not keep a tenant busy for ever.
void Scheduler::State::work_finished(const WorkFinished& event, Instant now) {
  TrackedTarget* const target = find_live(event.target);
  if (target == nullptr || target->open.empty()) {
    return;
  }
  auto found = std::ranges::find(target->open, event.request, &OpenRequest::number);
  if (found == target->open.end()) {
    found = target->open.begin();
  }
  const Instant began = std::max(found->arrival, target->last_finish);
  target->open.erase(found);
  target->last_finish = now;
  if (sees_requests) {
    learn_service(*target, now - began, began);
  }
  update_busy(*target, now);
  update_requests(*target);
}

/// Of a process that has no queue any more, as after an exec: nobody will say that its requests are
/// done, and others would be off for them for ever. Edges need no such care: without rings a
/// process is seen to be idle.
void Scheduler::State::forget_requests(TrackedTarget& target, Instant now) {
  target.open.clear();
  update_requests(target);
  update_busy(target, now);
}

/// Counts a request whose whole service saw every Offline member beside it off, or running. What
/// is in between says neither.
void Scheduler::State::learn_service(TrackedTarget& target, Duration took, Instant began) {
  if (target.tenant == kNoIndex) {
    return;
  }
  TenantView& tenant = tenant_views[target.tenant];
  if (tenant.cls != TenantClass::kOnline) {
    tenant.alone.learn(took);
    return;
  }
  const std::span<const GpuId> gpus = tenant.gpus;
  std::uint32_t beside = 0;
  std::uint32_t running = 0;
  for (const MemberView& member : member_views) {
    if (!includes(gpus, member.gpu)) {
      continue;
    }
    if (member.since > began) {
      return;
    }
    ++beside;
    running += member.current == Verdict::kRun ? 1 : 0;
  }
  if (running == 0) {
    tenant.alone.learn(took);
  } else if (running == beside) {
    tenant.shared.learn(took);
  }
}

void Scheduler::State::update_requests(const TrackedTarget& target) {
  if (!sees_requests || target.tenant == kNoIndex) {
    return;
  }
  TenantView& tenant = tenant_views[target.tenant];
  tenant.outstanding = 0;
  tenant.oldest_arrival = kForever;
  for (const std::uint32_t index : tenants[target.tenant].targets) {
    const TrackedTarget& each = targets[index];
    tenant.outstanding += static_cast<std::uint32_t>(each.open.size());
    if (!each.open.empty()) {
      tenant.oldest_arrival = std::min(tenant.oldest_arrival, each.open.front().arrival);
    }
  }
  policy_due = true;
}

}  // namespace gpreempt
