#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/gang_options.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/scheduler_state.h"
#include "core/time.h"

namespace gpreempt {

using detail::Flight;
using detail::FlightItem;
using detail::kNoIndex;
using detail::Progress;
using detail::QueuePhase;

namespace {

QueuePhase phase_during(ControlKind kind) {
  return kind == ControlKind::kSuspend ? QueuePhase::kSuspending : QueuePhase::kResuming;
}

bool is_changing(QueuePhase phase) {
  return phase == QueuePhase::kSuspending || phase == QueuePhase::kResuming;
}

/// Looks from `hint` on and around, since the ids of a request are in the table's order.
std::size_t position_of(const std::vector<detail::TrackedQueue>& queues, QueueId id,
                        std::size_t hint) {
  const std::size_t count = queues.size();
  for (std::size_t step = 0; step < count; ++step) {
    const std::size_t position = (hint + step) % count;
    if (queues[position].id == id) {
      return position;
    }
  }
  return count;
}

}  // namespace

bool Scheduler::State::wants_request(const TrackedTarget& target, const TrackedQueue& queue,
                                     ControlKind kind) const {
  if (queue.slot == kNoIndex || !queue.compute) {
    return false;
  }
  const bool stays_off =
      member_views[target.members[queue.slot]].current == Verdict::kSuspend && !queue.quarantined;
  if (kind == ControlKind::kSuspend) {
    return stays_off && (queue.phase == QueuePhase::kRunning ||
                         (queue.phase == QueuePhase::kSuspended && queue.uncertain));
  }
  return !stays_off && queue.phase == QueuePhase::kSuspended && !queue.given_up();
}

void Scheduler::State::reconcile(TrackedTarget& target, StepContext& step) {
  if (target.gone || target.flight.active) {
    return;
  }
  if (takes_turns(target)) {
    take_off_in_turn(target.tenant, step);
    if (!target.flight.active) {
      static_cast<void>(issue(target, ControlKind::kResume, step));
    }
  } else if (!issue(target, ControlKind::kSuspend, step)) {
    static_cast<void>(issue(target, ControlKind::kResume, step));
  }
}

bool Scheduler::State::issue(TrackedTarget& target, ControlKind kind, StepContext& step,
                             std::uint32_t slot) {
  Flight& flight = target.flight;
  GPREEMPT_CHECK(!flight.active);
  flight.items.clear();
  const std::size_t first = step.out.ids.size();
  for (TrackedQueue& queue : target.queues) {
    GPREEMPT_CHECK(!is_changing(queue.phase) || queue.phase == phase_during(kind));
    const bool meant = slot == kNoIndex || queue.slot == slot;
    if (meant && wants_request(target, queue, kind) && flight.items.size() < detail::kMaxIds) {
      board(target, queue, kind);
      step.out.ids.push_back(queue.id);
    }
  }
  if (flight.items.empty()) {
    return false;
  }
  flight.active = true;
  flight.kind = kind;
  flight.request.reset();
  step.out.items.push_back({.target = target.id,
                            .kind = kind,
                            .first = static_cast<std::uint32_t>(first),
                            .count = static_cast<std::uint32_t>(flight.items.size())});
  return true;
}

void Scheduler::State::board(TrackedTarget& target, TrackedQueue& queue, ControlKind kind) {
  target.flight.items.push_back({.id = queue.id,
                                 .slot = queue.slot,
                                 .before = queue.phase,
                                 .was_uncertain = queue.uncertain});
  queue.phase = phase_during(kind);
  queue.uncertain = false;
  TrackedMember& member = members[target.members[queue.slot]];
  if (!member.in_flight) {
    member.in_flight = true;
    member.flying = member.open;
    member.flying.active = member.open.active && member.open.kind == kind;
  }
}

void Scheduler::State::issued(const Action& action, RequestId request) {
  TrackedTarget* const target = find_live(action.target);
  GPREEMPT_CHECK(target != nullptr && target->flight.active && target->flight.kind == action.kind);
  target->flight.request = request;
}

void Scheduler::State::finished(const ControlDone& event, StepContext& step) {
  TrackedTarget* const target = find_live(event.target);
  if (target == nullptr) {
    return;
  }
  Flight& flight = target->flight;
  if (!flight.active || flight.request != event.request) {
    mark_dirty(*target);
    return;  // somebody else's request
  }
  // A call that was refused says nothing about queues that are not ok, and asking again at once
  // would only be refused again: as with `refused`, the next change of the target tries again.
  const bool refused = event.error && event.error->code != Errc::kProcessExited;
  if (!refused) {
    mark_dirty(*target);
  } else if (takes_turns(*target)) {
    target->passed_over = flight.kind == ControlKind::kSuspend;
    wake_others(*target);
  }
  GPREEMPT_CHECK(event.outcomes.size() == flight.items.size());
  std::size_t position = 0;
  for (std::size_t i = 0; i < event.outcomes.size(); ++i) {
    GPREEMPT_CHECK(event.outcomes[i].id == flight.items[i].id);
    const Outcome outcome = event.outcomes[i].outcome;
    position = refused && outcome != Outcome::kOk ? restore(*target, i, position)
                                                  : settle(*target, i, outcome, position);
  }
  flight.active = false;
  for (std::uint32_t slot = 0; slot < target->members.size(); ++slot) {
    land(*target, slot, event, step);
  }
  if (event.error && event.error->code == Errc::kProcessExited) {
    drop_target(event.target, step.now);
  }
}

/// Returns where to look for the next item's queue.
std::size_t Scheduler::State::settle(TrackedTarget& target, std::size_t item, Outcome outcome,
                                     std::size_t hint) {
  const FlightItem& asked = target.flight.items[item];
  Progress& progress = members[target.members[asked.slot]].flying;
  ++(outcome == Outcome::kOk ? progress.ok : progress.failed);
  const std::size_t position = position_of(target.queues, asked.id, hint);
  if (position == target.queues.size()) {
    return hint;  // it went away meanwhile
  }
  TrackedQueue& queue = target.queues[position];
  const ControlKind kind = target.flight.kind;
  switch (outcome) {
    case Outcome::kOk:
      if (kind == ControlKind::kSuspend) {
        queue.phase = QueuePhase::kSuspended;
      } else {
        queue.phase = QueuePhase::kRunning;
        queue.uncertain = false;
        queue.resume_failures = 0;
      }
      break;
    case Outcome::kInvalid: drop_queue(target, position); return position;
    case Outcome::kError: failed(target, queue, kind); break;
  }
  return position + 1;
}

/// Takes an item of a refused call back: the queue is as before, unless its lease has ended
/// meanwhile. Returns where to look for the next item's queue.
std::size_t Scheduler::State::restore(TrackedTarget& target, std::size_t item, std::size_t hint) {
  const FlightItem& asked = target.flight.items[item];
  ++members[target.members[asked.slot]].flying.failed;
  const std::size_t position = position_of(target.queues, asked.id, hint);
  if (position == target.queues.size()) {
    return hint;  // it went away meanwhile
  }
  TrackedQueue& queue = target.queues[position];
  const bool expired = queue.uncertain;
  queue.phase = expired ? QueuePhase::kRunning : asked.before;
  queue.uncertain = !expired && asked.was_uncertain;
  return position + 1;
}

/// A failed step leaves the queue off, whatever was asked for.
void Scheduler::State::failed(TrackedTarget& target, TrackedQueue& queue, ControlKind kind) {
  queue.phase = QueuePhase::kSuspended;
  queue.uncertain = false;
  if (kind == ControlKind::kResume) {
    ++queue.resume_failures;
  }
  if (!queue.quarantined && (kind == ControlKind::kSuspend || queue.given_up())) {
    queue.quarantined = true;
    members[target.members[queue.slot]].newly_quarantined = true;
  }
}

void Scheduler::State::land(TrackedTarget& target, std::uint32_t slot, const ControlDone& event,
                            StepContext& step) {
  const std::uint32_t index = target.members[slot];
  TrackedMember& member = members[index];
  if (!member.in_flight) {
    return;
  }
  member.in_flight = false;
  const ControlKind kind = target.flight.kind;
  MemberView& view = member_views[index];
  (kind == ControlKind::kSuspend ? view.suspend_cost : view.resume_cost) =
      event.done - event.issued;
  Progress& flying = member.flying;
  if (flying.active) {
    flying.first_issued = std::min(flying.first_issued, event.issued);
    const bool is_open = member.open.active && member.open.sequence == flying.sequence;
    const bool goes_on =
        is_open && !member.newly_quarantined &&
        std::any_of(target.queues.begin(), target.queues.end(), [&](const TrackedQueue& queue) {
          return queue.slot == slot && wants_request(target, queue, kind);
        });
    if (is_open) {
      member.open = flying;
      member.open.active = goes_on;
    }
    if (!goes_on) {
      step.out.realisations.push_back({.sequence = flying.sequence,
                                       .at = step.now,
                                       .cost = event.done - flying.first_issued,
                                       .queues_ok = flying.ok,
                                       .queues_failed = flying.failed});
    }
    flying.active = false;
  }
  if (member.newly_quarantined) {
    member.newly_quarantined = false;
    const bool died = event.error.has_value();
    const bool release =
        options.gang.on_failure == GangFailure::kRelease && !GPREEMPT_MUTANT("release-forgotten");
    if ((release || GPREEMPT_MUTANT("held-is-released")) && !died) {
      tenants[target.tenant].released = true;
      heeds_gangs = true;
      policy_due = true;
    }
    record(index,
           {.verdict = Verdict::kRun,
            .reason = Reason::kQuarantine,
            .cause = member_views[index].tenant},
           step);
  }
}

void Scheduler::State::lease_expired(const LeaseExpired& event) {
  TrackedTarget* const target = find_live(event.target);
  if (target == nullptr) {
    return;
  }
  mark_dirty(*target);
  std::size_t position = 0;
  for (const QueueId id : event.queues) {
    position = position_of(target->queues, id, position);
    if (position == target->queues.size()) {
      position = 0;
      continue;
    }
    TrackedQueue& queue = target->queues[position];
    if (queue.phase == QueuePhase::kSuspended && !GPREEMPT_MUTANT("expired-lease-forgotten")) {
      queue.phase = QueuePhase::kRunning;
      queue.uncertain = false;
      queue.resume_failures = 0;
    } else if (is_changing(queue.phase)) {
      queue.uncertain = true;  // until the request says more
    }
  }
}

void Scheduler::State::undo(const Action& action) {
  TrackedTarget* const target = find_live(action.target);
  if (target == nullptr || !target->flight.active || target->flight.kind != action.kind) {
    return;
  }
  target->flight.active = false;
  if (action.kind == ControlKind::kSuspend) {
    pass_over(*target);
  }
  std::size_t position = 0;
  for (const FlightItem& item : target->flight.items) {
    TrackedMember& member = members[target->members[item.slot]];
    member.in_flight = false;
    member.flying.active = false;
    position = position_of(target->queues, item.id, position);
    GPREEMPT_CHECK(position < target->queues.size());
    TrackedQueue& queue = target->queues[position];
    queue.phase = item.before;
    queue.uncertain = item.was_uncertain;
  }
}

bool Scheduler::State::at_rest(const TrackedTarget& target) const {
  if (target.flight.active) {
    return false;
  }
  return std::none_of(target.queues.begin(), target.queues.end(), [&](const TrackedQueue& queue) {
    const bool ours = queue.slot != kNoIndex && queue.compute;
    const bool is_off = queue.phase != QueuePhase::kRunning && !queue.given_up();
    return ours && (is_off || wants_request(target, queue, ControlKind::kSuspend));
  });
}

}  // namespace gpreempt
