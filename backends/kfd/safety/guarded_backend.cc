#include "backends/kfd/safety/guarded_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/safety/trouble_watch.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt::kfd {
namespace {

constexpr std::string_view kAdvice =
    "everything is given back. Look at the kernel's log, and do not preempt on this machine before "
    "its GPUs are known to be well";

/// Short: microseconds are enough for people.
std::string rounded(Duration duration) {
  return format_duration(std::chrono::floor<std::chrono::microseconds>(duration));
}

}  // namespace

GuardedBackend::GuardedBackend(std::unique_ptr<Backend> inner,
                               std::shared_ptr<TroubleWatch> trouble,
                               std::shared_ptr<Heartbeat> heartbeat, GuardOptions options)
    : inner_(std::move(inner)),
      trouble_(std::move(trouble)),
      heartbeat_(std::move(heartbeat)),
      options_(std::move(options)) {}

Result<TargetId> GuardedBackend::attach(Pid pid, AttachMode mode) {
  GPREEMPT_TRY(check());
  if (mode == AttachMode::kControl && !options_.may_control.contains(pid) &&
      !GPREEMPT_MUTANT("unnamed-controlled")) {
    return fail(Errc::kNotPermitted,
                fmt::format("control pid {}: it was not named to be preempted, and nobody else is; "
                            "name it as Offline",
                            pid));
  }
  const auto target = inner_->attach(pid, mode);
  if (target) {
    targets_.emplace(*target, pid);
  }
  return target;
}

Result<void> GuardedBackend::detach(TargetId target) {
  GPREEMPT_TRY(check());
  return inner_->detach(target);
}

std::vector<QueueInfo> GuardedBackend::queues(TargetId target) const {
  if (!stopped_) {
    return inner_->queues(target);
  }
  const auto found = last_queues_.find(target);
  return found == last_queues_.end() ? std::vector<QueueInfo>() : found->second;
}

Result<RequestId> GuardedBackend::control(TargetId target, std::span<const QueueId> ids,
                                          const Control& control) {
  look();  // not one more call after a sign
  GPREEMPT_TRY(check());
  const auto request = inner_->control(target, ids, control);
  if (request && kind_of(control) == ControlKind::kSuspend) {
    suspends_.emplace(*request, InFlight{.target = target, .issued = now()});
  }
  return request;
}

Result<void> GuardedBackend::watch(TargetId target, Duration period) {
  GPREEMPT_TRY(check());
  return inner_->watch(target, period);
}

Result<RequestId> GuardedBackend::inspect(InspectView view) {
  GPREEMPT_TRY(check());
  return inner_->inspect(view);
}

Result<std::optional<Event>> GuardedBackend::next_event(Instant deadline) {
  for (;;) {
    look();
    GPREEMPT_TRY(check());
    const Instant next_look = std::min(saturating_add(now(), options_.look), slow_at());
    auto event = inner_->next_event(std::min(deadline, next_look));
    GPREEMPT_TRY(event);
    if (const std::optional<Event>& found = *event; found.has_value()) {
      judge(*found);
      return event;
    }
    // Not before: what has ended may be late to be asked for, and was not slow.
    look_at_suspends();
    if (!stopped_ && now() >= deadline) {
      return event;
    }
  }
}

Result<void> GuardedBackend::close() {
  const auto closed = inner_->close();
  if (trouble_ != nullptr) {
    trouble_->close();
  }
  return closed;
}

Result<void> GuardedBackend::check() const {
  return stopped_ ? Result<void>(tl::unexpected<Error>(*stopped_)) : Result<void>();
}

/// When the first suspend that is under way has taken too long.
Instant GuardedBackend::slow_at() const {
  Instant first = kForever;
  for (const auto& [request, suspend] : suspends_) {
    first = std::min(first, saturating_add(suspend.issued, options_.slow + Duration(1)));
  }
  return first;
}

void GuardedBackend::look() {
  if (stopped_) {
    return;
  }
  if (trouble_ != nullptr) {
    if (const auto sign = trouble_->sign()) {
      return stop(Errc::kHardwareFailure, fmt::format("{}: {}", *sign, kAdvice));
    }
  }
  if (heartbeat_ != nullptr && !heartbeat_->is_listening()) {
    return stop(Errc::kBusy,
                "the watchdog has ended or is stopped, and nothing is suspended without one: "
                "everything is given back; start again");
  }
}

void GuardedBackend::look_at_suspends() {
  for (const auto& [request, suspend] : suspends_) {
    if (now() - suspend.issued > options_.slow) {
      return stop(Errc::kHardwareFailure,
                  fmt::format("suspend pid {}: it is not done after {}: firmware may hang; {}",
                              targets_[suspend.target], format_duration(options_.slow), kAdvice));
    }
  }
}

void GuardedBackend::judge(const Event& event) {
  if (const auto* const done = std::get_if<ControlDone>(&event.what)) {
    judge(*done);
  } else if (const auto* const exited = std::get_if<TargetExited>(&event.what)) {
    // Nothing of it is under way any more, whatever becomes of the request.
    std::erase_if(suspends_,
                  [&](const auto& each) { return each.second.target == exited->target; });
  }
}

void GuardedBackend::judge(const ControlDone& done) {
  suspends_.erase(done.request);
  const Pid pid = targets_[done.target];
  if (done.error && done.error->code == Errc::kHardwareFailure) {
    return stop(Errc::kHardwareFailure, fmt::format("{}; {}", done.error->what, kAdvice));
  }
  const bool has_error = !done.error && std::ranges::any_of(done.outcomes, [](const auto& each) {
    return each.outcome == Outcome::kError;
  });
  if (has_error && !GPREEMPT_MUTANT("error-outcome-tolerated")) {
    stop(Errc::kHardwareFailure,
         fmt::format("{} pid {}: the driver reports a queue with an error; {}",
                     to_string(done.kind), pid, kAdvice));
  } else if (done.kind == ControlKind::kSuspend && done.done - done.issued > options_.slow &&
             !GPREEMPT_MUTANT("slow-suspend-tolerated")) {
    stop(Errc::kHardwareFailure,
         fmt::format("suspend pid {}: it took {}, more than {}: firmware may hang; {}", pid,
                     rounded(done.done - done.issued), format_duration(options_.slow), kAdvice));
  }
}

void GuardedBackend::stop(Errc code, const std::string& sign) {
  for (const auto& [target, pid] : targets_) {
    last_queues_.emplace(target, inner_->queues(target));
  }
  stopped_ = Error{.code = code, .sys_errno = 0, .what = sign};
  if (GPREEMPT_MUTANT("stop-keeps-suspended")) {
    return;
  }
  // Its own error is the smaller one: what a resume cannot do, the end of the session does.
  if (const auto closed = inner_->close(); !closed) {
    stopped_->what += "; " + closed.error().what;
  }
}

}  // namespace gpreempt::kfd
