#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/decision.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mechanism.h"
#include "core/mutant.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/scheduler_state.h"
#include "core/time.h"

namespace gpreempt {

using detail::kNoIndex;
using detail::QueuePhase;

std::uint32_t Scheduler::State::entry(TargetId id) {
  const auto [found, is_new] =
      target_index.try_emplace(id, static_cast<std::uint32_t>(targets.size()));
  if (is_new) {
    targets.emplace_back();
    targets.back().id = id;
  }
  return found->second;
}

Scheduler::State::TrackedTarget* Scheduler::State::find_live(TargetId id) {
  const auto found = target_index.find(id);
  if (found == target_index.end() || targets[found->second].gone) {
    return nullptr;
  }
  return &targets[found->second];
}

void Scheduler::State::mark_dirty(TrackedTarget& target) {
  target.passed_over = false;
  if (!target.dirty) {
    target.dirty = true;
    dirty_targets.push_back(static_cast<std::uint32_t>(&target - targets.data()));
  }
}

/// What a target did before it had a tenant (queues, work) counts from now on.
void Scheduler::State::claim(std::uint32_t target, std::uint32_t tenant) {
  targets[target].tenant = tenant;
  tenants[tenant].targets.push_back(target);
  for (TrackedQueue& queue : targets[target].queues) {
    enrol(target, queue);
  }
  if (targets[target].busy) {
    targets[target].busy = false;
    update_busy(targets[target], last_now);
    update_requests(targets[target]);
  }
}

void Scheduler::State::enrol(std::uint32_t target, TrackedQueue& queue) {
  TrackedTarget& owner = targets[target];
  if (tenant_views[owner.tenant].cls == TenantClass::kOnline) {
    update_presence(owner, queue.gpu, true);
    return;
  }
  if (!GPREEMPT_MUTANT("late-queue-not-wanted")) {
    mark_dirty(owner);
  }
  const auto on_gpu =
      std::find_if(owner.members.begin(), owner.members.end(),
                   [&](std::uint32_t member) { return member_views[member].gpu == queue.gpu; });
  queue.slot = static_cast<std::uint32_t>(on_gpu - owner.members.begin());
  if (on_gpu != owner.members.end()) {
    return;
  }
  owner.members.push_back(static_cast<std::uint32_t>(members.size()));
  TrackedMember& member = members.emplace_back();
  member.target = target;
  member.slot = queue.slot;
  member_views.push_back({.tenant = TenantId(owner.tenant),
                          .tenant_index = owner.tenant,
                          .gpu = queue.gpu,
                          .current = Verdict::kRun,
                          .since = last_now});
  notes.emplace_back();
  policy_due = true;
}

/// Queues are reported, and may be wanted off, while the attach is in flight, and the backend
/// refuses every control until its end: what was refused is asked for again now.
void Scheduler::State::attached(const AttachDone& event, Instant now) {
  if (event.error) {
    drop_target(event.target, now);
  } else if (TrackedTarget* const target = find_live(event.target);
             target != nullptr && !GPREEMPT_MUTANT("attach-forgets-wishes")) {
    mark_dirty(*target);
  }
}

void Scheduler::State::born(const QueueInfo& info, StepContext& step) {
  const std::uint32_t index = entry(info.target);
  TrackedTarget& target = targets[index];
  const bool known = std::any_of(target.queues.begin(), target.queues.end(),
                                 [&](const TrackedQueue& queue) { return queue.id == info.id; });
  if (target.gone || known) {
    return;
  }
  TrackedQueue& queue = target.queues.emplace_back();
  queue.id = info.id;
  queue.gpu = info.gpu;
  queue.compute = info.type == QueueType::kCompute && info.role != QueueRole::kSdma;
  queue.phase =
      info.state == QueueState::kSuspended ? QueuePhase::kSuspended : QueuePhase::kRunning;
  if (needs_arming(options.mechanism)) {
    queue.phase = QueuePhase::kSuspended;
    queue.uncertain = true;
  }
  if (target.tenant == kNoIndex) {
    return;
  }
  enrol(index, queue);
  if (queue.slot == kNoIndex) {
    return;
  }
  const std::uint32_t member = target.members[queue.slot];
  if (queue.compute && member_views[member].current == Verdict::kSuspend) {
    record(member,
           {.verdict = Verdict::kSuspend,
            .reason = Reason::kLateQueue,
            .cause = member_views[member].tenant},
           step);
  }
}

void Scheduler::State::gone(const QueueGone& event, Instant now) {
  TrackedTarget* const target = find_live(event.target);
  if (target == nullptr) {
    return;
  }
  const auto found = std::find_if(target->queues.begin(), target->queues.end(),
                                  [&](const TrackedQueue& q) { return q.id == event.queue; });
  if (found != target->queues.end()) {
    drop_queue(*target, static_cast<std::size_t>(found - target->queues.begin()));
    mark_dirty(*target);
    if (target->queues.empty() && !GPREEMPT_MUTANT("requests-outlive-queues")) {
      forget_requests(*target, now);
    }
  }
}

void Scheduler::State::drop_queue(TrackedTarget& target, std::size_t position) {
  update_presence(target, target.queues[position].gpu, false);
  target.queues.erase(target.queues.begin() + static_cast<std::ptrdiff_t>(position));
}

void Scheduler::State::drop_target(TargetId id, Instant now) {
  TrackedTarget& target = targets[entry(id)];
  if (target.gone) {
    return;
  }
  target.gone = true;
  target.edge_busy = false;
  target.flight.active = false;
  if (takes_turns(target)) {
    wake_others(target);
  }
  forget_requests(target, now);
  while (!target.queues.empty()) {
    drop_queue(target, target.queues.size() - 1);
  }
  drop_members(target);
}

/// Keeps the order of the others, so that policies see members oldest first.
void Scheduler::State::drop_members(TrackedTarget& target) {
  if (target.members.empty()) {
    return;
  }
  target.members.clear();
  const auto index = static_cast<std::uint32_t>(&target - targets.data());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i].target == index) {
      continue;
    }
    members[kept] = members[i];
    member_views[kept] = member_views[i];
    notes[kept] = notes[i];
    targets[members[kept].target].members[members[kept].slot] = static_cast<std::uint32_t>(kept);
    ++kept;
  }
  members.resize(kept);
  member_views.resize(kept);
  notes.resize(kept);
  policy_due = true;
}

void Scheduler::State::update_presence(TrackedTarget& target, GpuId gpu, bool born) {
  if (target.tenant == kNoIndex || tenant_views[target.tenant].cls != TenantClass::kOnline) {
    return;
  }
  TrackedTenant& tenant = tenants[target.tenant];
  const auto found = std::find(tenant.gpus.begin(), tenant.gpus.end(), gpu);
  const auto position = found - tenant.gpus.begin();
  if (found == tenant.gpus.end()) {
    tenant.gpus.push_back(gpu);
    tenant.gpu_queues.push_back(1);
  } else if (born) {
    ++tenant.gpu_queues[static_cast<std::size_t>(position)];
    return;
  } else if (--tenant.gpu_queues[static_cast<std::size_t>(position)] > 0) {
    return;
  } else {
    tenant.gpus.erase(found);
    tenant.gpu_queues.erase(tenant.gpu_queues.begin() + position);
  }
  tenant_views[target.tenant].gpus = tenant.gpus;
  policy_due = true;
}

void Scheduler::State::update_busy(TrackedTarget& target, Instant now) {
  const bool busy = target.edge_busy || !target.open.empty();
  if (busy == target.busy) {
    return;
  }
  target.busy = busy;
  if (target.tenant == kNoIndex || tenant_views[target.tenant].cls != TenantClass::kOnline) {
    return;
  }
  std::uint32_t& busy_targets = tenants[target.tenant].busy_targets;
  busy_targets = busy                                      ? busy_targets + 1
                 : GPREEMPT_MUTANT("one-idle-is-all-idle") ? 0
                                                           : busy_targets - 1;
  TenantView& view = tenant_views[target.tenant];
  if (view.busy == (busy_targets > 0)) {
    return;
  }
  view.busy = busy_targets > 0;
  (view.busy ? view.busy_since : view.idle_since) = now;
  policy_due = true;
}

void Scheduler::State::activity(const ActivityEdge& event, Instant now) {
  TrackedTarget& target = targets[entry(event.target)];
  if (!target.gone) {
    target.edge_busy = event.busy;
    update_busy(target, now);
  }
}

}  // namespace gpreempt
