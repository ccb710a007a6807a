#include "core/drive.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "core/backend.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mechanism.h"
#include "core/mutant.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt {
namespace {

Control control_for(const Action& action, const SchedulerOptions& options,
                    const BackendInfo& info) {
  return action.kind == ControlKind::kSuspend
             ? take_off(options.mechanism, options.grace, options.lease, info)
             : give_back(options.mechanism);
}

/// One scheduler on one backend; `now_` is the time of the last step, which never goes back even if
/// events waited before they were served.
class Loop {
 public:
  Loop(Backend& backend, Scheduler& scheduler, EventSink& sink)
      : backend_(backend), scheduler_(scheduler), sink_(sink), now_(backend.now()) {
    sink_.began(now_);
  }

  /// Serves one event or deadline. Returns whether there was an event.
  Result<bool> turn(Instant until) {
    const Instant deadline =
        GPREEMPT_MUTANT("policy-deadline-missed") ? until : std::min(until, scheduler_.deadline());
    const Result<std::optional<Event>> next = backend_.next_event(deadline);
    if (!next) {
      return tl::unexpected<Error>(next.error());
    }
    const std::optional<Event>& event = *next;
    if (event) {
      now_ = std::max(now_, event->at);
      sink_.event(*event);
      scheduler_.step(&*event, now_, actions_);
    } else {
      now_ = std::max(now_, backend_.now());
      // At `until` the scheduler is asked, too, and has nothing to do before its deadline.
      if (scheduler_.deadline() <= now_) {
        sink_.deadline(now_);
      }
      scheduler_.step(nullptr, now_, actions_);
    }
    perform();
    return event.has_value();
  }

  void shut_down() {
    sink_.shut_down(now_);
    scheduler_.shut_down(now_, actions_);
    perform();
  }

 private:
  void perform() {
    for (const Realisation& realisation : actions_.realisations) {
      sink_.realisation(realisation);
    }
    for (const Decision& decision : actions_.decisions) {
      sink_.decision(decision);
    }
    for (const Action& action : actions_.items) {
      const Control control = control_for(action, scheduler_.options(), backend_.info());
      const Result<RequestId> request =
          backend_.control(action.target, actions_.ids_of(action), control);
      if (request) {
        scheduler_.issued(action, *request);
        sink_.issued(action, now_);
      } else {
        scheduler_.refused(action, request.error(), now_);
        sink_.refusal(action, kind_of(control), request.error(), now_);
      }
    }
  }

  Backend& backend_;
  Scheduler& scheduler_;
  EventSink& sink_;
  Instant now_;
  Actions actions_;
};

}  // namespace

Result<void> drive(Backend& backend, Scheduler& scheduler, EventSink& sink, Instant until,
                   const std::function<bool()>& stop) {
  Loop loop(backend, scheduler, sink);
  while (backend.now() < until) {
    const Result<bool> was_event = loop.turn(until);
    if (!was_event) {
      return tl::unexpected<Error>(was_event.error());
    }
    if (*was_event && stop && stop()) {
      break;
    }
  }
  return {};
}

Result<void> drive_to_rest(Backend& backend, Scheduler& scheduler, EventSink& sink, Instant until) {
  Loop loop(backend, scheduler, sink);
  loop.shut_down();
  while (!scheduler.quiescent()) {
    if (backend.now() >= until) {
      return fail(Errc::kTimedOut,
                  "resuming everything: something is still suspended or in flight at the deadline; "
                  "close the backend, which ends every suspension");
    }
    GPREEMPT_TRY(loop.turn(until));
  }
  return {};
}

}  // namespace gpreempt
