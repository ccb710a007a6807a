#include "cli/what_if.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "cli/event_reader.h"
#include "cli/recorded_run.h"
#include "cli/replay.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

bool same_verdict(const Decision& a, const Decision& b) {
  return a.target == b.target && a.gpu == b.gpu && a.verdict == b.verdict;
}

std::vector<Decision> decisions_in(const RecordedStep& step) {
  std::vector<Decision> decisions;
  for (const LogLine* const line : step.said) {
    if (const auto* const decision = std::get_if<Decision>(&line->entry)) {
      decisions.push_back(*decision);
    }
  }
  return decisions;
}

/// What a divergent scheduler has off, and until when its lease lets it.
class OffQueues {
 public:
  void ended(TargetId target, const ReplayedCall& call, Duration lease) {
    for (const QueueId queue : call.queues) {
      if (call.kind == ControlKind::kSuspend) {
        off_[queue] = {.target = target, .lease_end = saturating_add(call.asked, lease)};
      } else {
        off_.erase(queue);
      }
    }
  }
  void gone(QueueId queue) { off_.erase(queue); }
  void gone(TargetId target) {
    std::erase_if(off_, [&](const auto& each) { return each.second.target == target; });
  }
  struct LeaseEnd {
    Instant at = kForever;
    TargetId target;
  };
  /// The first end of a lease of a target that has no call under way; `kForever` if there is none.
  [[nodiscard]] LeaseEnd first(const ReplayedCalls& calls) const {
    LeaseEnd first;
    for (const auto& [queue, off] : off_) {
      if (off.lease_end < first.at && calls.find(off.target) == nullptr) {
        first = {.at = off.lease_end, .target = off.target};
      }
    }
    return first;
  }
  /// Takes out what of a target is over at an instant.
  LeaseExpired expire(TargetId target, Instant at) {
    LeaseExpired event{.target = target, .queues = {}};
    std::erase_if(off_, [&](const auto& each) {
      const bool over = each.second.target == target && each.second.lease_end <= at;
      if (over) {
        event.queues.push_back(each.first);
      }
      return over;
    });
    return event;
  }

 private:
  struct Off {
    TargetId target;
    Instant lease_end;
  };
  std::map<QueueId, Off> off_;
};

class OpenLoop {
 public:
  OpenLoop(const RecordedRun& run, Scheduler scheduler, const AssumedCalls& assumed)
      : run_(run), scheduler_(std::move(scheduler)), assumed_(assumed) {}

  WhatIf operator()() {
    now_ = run_.steps.empty() ? now_ : run_.steps.front().at;
    for (const RecordedStep& step : run_.steps) {
      go_on_until(step.at);
      now_ = std::max(now_, step.at);
      take(step);
    }
    return std::move(result_);
  }

 private:
  /// The scheduler's own deadlines, and what is assumed to happen, before `until`.
  void go_on_until(Instant until) {
    for (;;) {
      const Instant deadline = std::max(now_, scheduler_.deadline());
      const Instant end = ends_.empty() ? kForever : ends_.begin()->first;
      const OffQueues::LeaseEnd lease =
          result_.diverged ? off_.first(calls_) : OffQueues::LeaseEnd{};
      const Instant next = std::min({deadline, end, lease.at});
      if (next >= until) {
        return;
      }
      now_ = std::max(now_, next);
      if (end == next) {
        end_assumed_call();
      } else if (lease.at == next) {
        const Event event{.at = now_, .what = off_.expire(lease.target, now_)};
        scheduler_.step(&event, now_, actions_);
      } else {
        scheduler_.step(nullptr, now_, actions_);
      }
      react(nullptr);
    }
  }

  void end_assumed_call() {
    const TargetId target = ends_.begin()->second;
    ends_.erase(ends_.begin());
    const ReplayedCall call = *calls_.find(target);
    ControlDone done{.request = call.request,
                     .target = target,
                     .kind = call.kind,
                     .issued = call.asked,
                     .done = now_,
                     .outcomes = {},
                     .error = {}};
    for (const QueueId queue : call.queues) {
      done.outcomes.push_back({.id = queue, .outcome = Outcome::kOk});
    }
    off_.ended(target, call, run_.options.lease);
    calls_.end(target);
    const Event event{.at = now_, .what = std::move(done)};
    scheduler_.step(&event, now_, actions_);
  }

  void take(const RecordedStep& step) {
    actions_.clear();
    switch (step.kind) {
      case RecordedStep::Kind::kEvent:
        if (!serve(step)) {
          return;
        }
        break;
      case RecordedStep::Kind::kDeadline:
        // The recorded policy's; this one may have asked for the same instant.
        if (scheduler_.deadline() <= now_) {
          scheduler_.step(nullptr, now_, actions_);
        }
        break;
      case RecordedStep::Kind::kShutDown: scheduler_.shut_down(now_, actions_); break;
    }
    react(&step);
  }

  /// Whether the event is this scheduler's, too.
  bool serve(const RecordedStep& step) {
    if (const auto* const done = std::get_if<ControlDone>(&step.event->what)) {
      return serve_end(step, *done);
    }
    if (const auto* const lease = std::get_if<LeaseExpired>(&step.event->what)) {
      if (result_.diverged) {
        ++result_.leases_dropped;
        return false;
      }
      for (const QueueId queue : lease->queues) {
        off_.gone(queue);
      }
    } else if (const auto* const gone = std::get_if<QueueGone>(&step.event->what)) {
      off_.gone(gone->queue);
    } else if (const auto* const exited = std::get_if<TargetExited>(&step.event->what)) {
      off_.gone(exited->target);
    }
    scheduler_.step(step.event, now_, actions_);
    return true;
  }

  bool serve_end(const RecordedStep& step, const ControlDone& done) {
    const ReplayedCall* const call = calls_.find(done.target);
    const bool recorded = call != nullptr && !is_assumed(done.target) && is_end_of(done, *call);
    if (!recorded && (result_.diverged || call != nullptr)) {
      ++result_.calls_dropped;
      return false;
    }
    const Event event = end_of_call(*step.event, call);
    if (call != nullptr) {
      off_.ended(done.target, *call, run_.options.lease);
      calls_.end(done.target);
    }
    scheduler_.step(&event, now_, actions_);
    return true;
  }

  [[nodiscard]] bool is_assumed(TargetId target) const {
    return std::ranges::any_of(ends_, [&](const auto& end) { return end.second == target; });
  }

  /// `step` is nullptr between the recorded ones.
  void react(const RecordedStep* step) {
    if (!result_.diverged) {
      const std::vector<Decision> recorded =
          step == nullptr ? std::vector<Decision>{} : decisions_in(*step);
      if (!std::ranges::equal(recorded, actions_.decisions, same_verdict)) {
        result_.diverged = now_;
      }
    }
    result_.decisions.insert(result_.decisions.end(), actions_.decisions.begin(),
                             actions_.decisions.end());
    for (const Action& action : actions_.items) {
      const bool as_recorded = !result_.diverged && step != nullptr;
      const Error* const error = as_recorded ? refusal_of(*step, action.target) : nullptr;
      if (error != nullptr) {
        scheduler_.refused(action, *error, now_);
        continue;
      }
      calls_.take(scheduler_, actions_, action, now_);
      if (result_.diverged) {
        ++result_.calls_assumed;
        const bool suspends = action.kind == ControlKind::kSuspend;
        ends_.emplace(saturating_add(now_, suspends ? assumed_.suspend : assumed_.resume),
                      action.target);
      }
    }
  }

  const RecordedRun& run_;
  Scheduler scheduler_;
  AssumedCalls assumed_;
  Instant now_ = Instant::min();
  Actions actions_;
  ReplayedCalls calls_;
  std::multimap<Instant, TargetId> ends_;  ///< of calls that were not recorded
  OffQueues off_;
  WhatIf result_;
};

}  // namespace

Result<WhatIf> what_if(const RecordedRun& run, std::unique_ptr<const Policy> policy,
                       const AssumedCalls& assumed) {
  Result<Scheduler> scheduler = make_scheduler(run, std::move(policy));
  if (!scheduler) {
    return tl::unexpected<Error>(std::move(scheduler).error());
  }
  return OpenLoop(run, *std::move(scheduler), assumed)();
}

std::vector<Decision> decisions_of(const RecordedRun& run) {
  std::vector<Decision> decisions;
  for (const RecordedStep& step : run.steps) {
    const std::vector<Decision> made = decisions_in(step);
    decisions.insert(decisions.end(), made.begin(), made.end());
  }
  return decisions;
}

}  // namespace gpreempt::cli
