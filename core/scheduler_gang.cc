// What the members of one tenant have to do with each other.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "core/decision.h"
#include "core/event.h"
#include "core/gang_options.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/scheduler_state.h"
#include "core/time.h"

namespace gpreempt {

using detail::kNoIndex;

namespace {

/// Ranks that wait for a suspended one are given this share of what they bear at most, and then run
/// for that long at least, which is time for many collectives. Evidence: guess.
constexpr std::int64_t kStallShare = 2;
constexpr std::int64_t kRunShare = 100;
constexpr Duration kLeastRun = std::chrono::milliseconds(50);

}  // namespace

bool Scheduler::State::takes_turns(const TrackedTarget& target) const {
  return options.gang.split != GangSplit::kTogether && target.tenant != kNoIndex &&
         tenant_views[target.tenant].cls == TenantClass::kOffline;
}

/// Takes off whoever of the tenant may be taken off now.
void Scheduler::State::take_off_in_turn(std::uint32_t tenant, StepContext& step) {
  TrackedTenant& owner = tenants[tenant];
  for (;;) {
    const std::uint32_t member = next_to_take_off(tenant);
    if (member == kNoIndex) {
      return;
    }
    if (options.gang.split == GangSplit::kOneByOne && any_in_flight(tenant) &&
        !GPREEMPT_MUTANT("one-by-one-waits-for-nobody")) {
      return;
    }
    if (options.gang.split == GangSplit::kStaggered && step.now < owner.next_take_off &&
        !GPREEMPT_MUTANT("staggered-without-gap")) {
      gang_deadline = std::min(gang_deadline, owner.next_take_off);
      return;
    }
    owner.next_take_off = saturating_add(step.now, options.gang.gap);
    if (!issue(targets[members[member].target], ControlKind::kSuspend, step,
               members[member].slot)) {
      return;
    }
  }
}

/// The first one in order that is to be off, is not, and has nothing in flight; `kNoIndex` if there
/// is none.
std::uint32_t Scheduler::State::next_to_take_off(std::uint32_t tenant) const {
  std::uint32_t best = kNoIndex;
  const auto cost = [this](std::uint32_t member) {
    const Duration last = member_views[member].suspend_cost;
    return last == kUnknownCost ? Duration::max() : last;
  };
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    if (member_views[i].tenant_index != tenant || !may_take_off(members[i])) {
      continue;
    }
    const bool earlier =
        best == kNoIndex ||
        (options.gang.order == GangOrder::kReverse && !GPREEMPT_MUTANT("gang-not-in-reverse")) ||
        (options.gang.order == GangOrder::kSlowestFirst && cost(i) > cost(best));
    best = earlier ? i : best;
  }
  return best;
}

bool Scheduler::State::may_take_off(const TrackedMember& member) const {
  const TrackedTarget& target = targets[member.target];
  if (target.gone || target.flight.active || target.passed_over) {
    return false;
  }
  return std::any_of(target.queues.begin(), target.queues.end(), [&](const TrackedQueue& queue) {
    return queue.slot == member.slot && wants_request(target, queue, ControlKind::kSuspend);
  });
}

bool Scheduler::State::any_in_flight(std::uint32_t tenant) const {
  return std::any_of(targets.begin(), targets.end(), [&](const TrackedTarget& target) {
    return target.tenant == tenant && !target.gone && target.flight.active;
  });
}

/// The backend refused to take this target off. Until the next change of it the others of its
/// tenant have their turn.
void Scheduler::State::pass_over(TrackedTarget& target) {
  if (takes_turns(target)) {
    target.passed_over = true;
    wake_others(target);
  }
}

/// Lets the others of its tenant be looked at, but changes nothing about them.
void Scheduler::State::wake_others(const TrackedTarget& target) {
  for (TrackedTarget& other : targets) {
    if (&other != &target && other.tenant == target.tenant && !other.gone) {
      const bool passed_over = other.passed_over;
      mark_dirty(other);
      other.passed_over = passed_over;
    }
  }
}

/// Gaps that have passed by now.
void Scheduler::State::go_on_in_turn(StepContext& step) {
  if (step.now < gang_deadline) {
    return;
  }
  gang_deadline = kForever;
  for (std::uint32_t tenant = 0; tenant < tenants.size(); ++tenant) {
    if (tenant_views[tenant].cls == TenantClass::kOffline) {
      take_off_in_turn(tenant, step);
    }
  }
}

/// Where a gang as a whole comes before what the policy wants of its members.
void Scheduler::State::heed_gangs(Instant now) {
  if (!heeds_gangs) {
    return;
  }
  for (std::uint32_t tenant = 0; tenant < tenants.size(); ++tenant) {
    const TrackedTenant& gang = tenants[tenant];
    if (gang.released) {
      let_run(tenant, Reason::kQuarantine);
    } else if (gang.stall_limit != Duration::max() && !GPREEMPT_MUTANT("stall-limit-ignored")) {
      heed_stall_limit(tenant, now);
    }
  }
}

void Scheduler::State::heed_stall_limit(std::uint32_t tenant, Instant now) {
  TrackedTenant& gang = tenants[tenant];
  const Duration longest = gang.stall_limit / kStallShare;
  if (gang.off_since != kForever && now >= saturating_add(gang.off_since, longest)) {
    gang.run_until = saturating_add(now, std::max(kLeastRun, gang.stall_limit / kRunShare));
  }
  if (now < gang.run_until) {
    let_run(tenant, Reason::kStallLimit);
    gang.off_since = kForever;
    policy_deadline = std::min(policy_deadline, gang.run_until);
    return;
  }
  bool any_off = false;
  for (std::size_t i = 0; i < wants.size(); ++i) {
    any_off = any_off ||
              (member_views[i].tenant_index == tenant && wants[i].verdict == Verdict::kSuspend);
  }
  if (!any_off) {
    gang.off_since = kForever;
    return;
  }
  gang.off_since = std::min(gang.off_since, now);
  policy_deadline = std::min(policy_deadline, saturating_add(gang.off_since, longest));
}

void Scheduler::State::let_run(std::uint32_t tenant, Reason reason) {
  for (std::size_t i = 0; i < wants.size(); ++i) {
    if (member_views[i].tenant_index == tenant && wants[i].verdict == Verdict::kSuspend) {
      wants[i] = {.verdict = Verdict::kRun, .reason = reason, .cause = TenantId(tenant)};
    }
  }
}

}  // namespace gpreempt
