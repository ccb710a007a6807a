#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/dbg_trap.h"
#include "backends/kfd/handshake.h"
#include "backends/kfd/heartbeat.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/session.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

/// What a session does to queues: suspend, resume, and the way out.
namespace gpreempt::kfd {
namespace {

/// How long a tracee may take to stop before the kernel is left to let go of it. It stops at once
/// unless it is in an uninterruptible system call.
constexpr Duration kDetachPatience = std::chrono::seconds(1);
/// When a queue that could not be resumed is tried again.
constexpr Duration kResumeRetryAfter = std::chrono::milliseconds(100);

}  // namespace

void Session::serve(const SuspendRequest& request) {
  std::vector<Outcome> outcomes(request.queues.size(), Outcome::kInvalid);
  std::optional<Error> error;
  if (announce(request)) {
    error = suspend(request, outcomes);
  } else {
    std::fill(outcomes.begin(), outcomes.end(), Outcome::kError);
    error =
        Error{.code = Errc::kBusy,
              .sys_errno = 0,
              .what = fmt::format("suspend queues on pid {}: the watchdog has ended or does not "
                                  "read, and nothing is suspended without one; start again",
                                  options_.pid)};
  }
  report(SessionDone{.request = request.request,
                     .kind = ControlKind::kSuspend,
                     .issued = request.issued,
                     .outcomes = std::move(outcomes),
                     .error = std::move(error)});
}

std::optional<Error> Session::suspend(const SuspendRequest& request,
                                      std::vector<Outcome>& outcomes) {
  // INVALID also means "born since the snapshot": one more snapshot tells it from "gone".
  constexpr int kAttempts = 2;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto refused = std::optional<SysError>();
    if (const auto scanned = rescan(); !scanned) {
      refused = scanned.error();
    } else {
      refused = suspend_once(request, outcomes);
    }
    if (refused) {
      auto error = explain_refusal("suspend queues", *refused);
      if (error.code != Errc::kProcessExited) {
        std::replace(outcomes.begin(), outcomes.end(), Outcome::kInvalid, Outcome::kError);
      }
      return error;
    }
    bool is_complete = true;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      is_complete =
          is_complete && (outcomes[i] != Outcome::kInvalid || !is_known(request.queues[i]));
    }
    if (is_complete) {
      break;
    }
  }
  return std::nullopt;
}

std::optional<SysError> Session::suspend_once(const SuspendRequest& request,
                                              std::vector<Outcome>& outcomes) {
  std::vector<std::uint32_t> ids;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < request.queues.size(); ++i) {
    if (outcomes[i] != Outcome::kInvalid) {
      continue;
    }
    if (const auto id = queues_.kernel_id(request.queues[i])) {
      ids.push_back(*id);
      places.push_back(i);
    }
  }
  if (ids.empty()) {
    return std::nullopt;
  }
  const auto result = trap_.suspend(ids, request.grace_period);
  if (!result) {
    // A call that a signal interrupts may have suspended before that, and its outcome is lost: the
    // lease ends what is not known.
    if (trap_.was_interrupted() && !GPREEMPT_MUTANT("interrupted-suspend-forgotten")) {
      for (const std::size_t place : places) {
        queues_.set_suspended(request.queues[place], request.until);
      }
    }
    return result.error();
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Outcome outcome = (*result)[i];
    outcomes[places[i]] = outcome;
    // A queue with an error is off too, and its lease is what ends that at the latest.
    if (GPREEMPT_MUTANT("error-without-lease") ? outcome == Outcome::kOk
                                               : outcome != Outcome::kInvalid) {
      queues_.set_suspended(request.queues[places[i]], request.until);
    }
  }
  return std::nullopt;
}

Error Session::explain_refusal(const std::string& operation, SysError error) {
  note(error);
  if (error.number == ESRCH && phase_ == Phase::kServing) {
    return {.code = Errc::kBusy,
            .sys_errno = error.number,
            .what = fmt::format("{} on pid {}: it is executing a new program or ending; try again",
                                operation, options_.pid)};
  }
  if (error.number == EPERM && !GPREEMPT_MUTANT("eperms-confused")) {
    // The runtime's state does not matter to a snapshot; being traced does.
    const auto scanned = rescan();
    if (scanned) {
      return {.code = Errc::kBusy,
              .sys_errno = error.number,
              .what = fmt::format("{} on pid {}: its ROCm runtime is not enabled (EPERM); wait "
                                  "until it has initialised",
                                  operation, options_.pid)};
    }
    note(scanned.error());
    return trap_error(operation, options_.pid, scanned.error());
  }
  return trap_error(operation, options_.pid, error);
}

void Session::serve(const ResumeRequest& request) {
  SessionDone done{.request = request.request,
                   .kind = ControlKind::kResume,
                   .issued = request.issued,
                   .outcomes = {},
                   .error = std::nullopt};
  auto outcomes = resume(request.queues);
  if (outcomes) {
    done.outcomes = *std::move(outcomes);
  } else {
    done.error = explain_refusal("resume queues", outcomes.error());
    const bool exited = done.error->code == Errc::kProcessExited;
    done.outcomes.assign(request.queues.size(), exited ? Outcome::kInvalid : Outcome::kError);
  }
  report(std::move(done));
}

bool Session::announce(const SuspendRequest& request) {
  if (options_.heartbeat == nullptr || resume_failed_) {
    return true;
  }
  // Before the call: a process that is stopped inside it has suspended all the same.
  const Instant until = std::min(request.until, queues_.first_due());
  told_until_ = until;
  return options_.heartbeat->tell(Beat::Kind::kSuspending, options_.pid, request.issued, until);
}

void Session::tell_watchdog() {
  const Instant due = queues_.first_due();
  resume_failed_ = resume_failed_ && due != kForever;
  if (options_.heartbeat == nullptr || resume_failed_ || due == told_until_ ||
      GPREEMPT_MUTANT("met-lease-not-told")) {
    return;
  }
  const auto kind = due == kForever ? Beat::Kind::kRunning : Beat::Kind::kSuspending;
  // One that cannot be told kills for a lease that was met: it errs on the side of the target.
  (void)options_.heartbeat->tell(kind, options_.pid, os_.now(), due);
  told_until_ = due;
}

/// One call; `places[i]` is where the outcome of `ids[i]` belongs.
SysResult<void> Session::resume_batch(const std::vector<std::uint32_t>& ids,
                                      const std::vector<std::size_t>& places,
                                      std::vector<Outcome>& outcomes) {
  const auto result = trap_.resume(ids);
  if (!result && !has_resumed_by_itself(result.error())) {
    resume_failed_ = true;
    return tl::unexpected<SysError>(result.error());
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    outcomes[places[i]] = result ? (*result)[i] : Outcome::kOk;
  }
  return {};
}

SysResult<std::vector<Outcome>> Session::resume(std::span<const QueueSerial> queues) {
  std::vector<Outcome> outcomes(queues.size(), Outcome::kInvalid);
  std::vector<std::uint32_t> ids;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < queues.size(); ++i) {
    if (const auto id = queues_.kernel_id(queues[i])) {
      ids.push_back(*id);
      places.push_back(i);
    }
    const bool is_last = i + 1 == queues.size();
    if (ids.size() == abi::kMaxQueues || (is_last && !ids.empty())) {
      if (const auto called = resume_batch(ids, places, outcomes); !called) {
        return tl::unexpected<SysError>(called.error());
      }
      ids.clear();
      places.clear();
    }
  }
  note_resumed(queues, outcomes);
  return outcomes;
}

void Session::note_resumed(std::span<const QueueSerial> queues,
                           const std::vector<Outcome>& outcomes) {
  resume_failed_ = std::find(outcomes.begin(), outcomes.end(), Outcome::kError) != outcomes.end();
  const Instant retry_at = saturating_add(os_.now(), kResumeRetryAfter);
  for (std::size_t i = 0; i < queues.size(); ++i) {
    if (outcomes[i] == Outcome::kError && !GPREEMPT_MUTANT("failed-resume-forgotten")) {
      queues_.set_suspended(queues[i], retry_at);
    } else {
      queues_.set_running(queues[i]);
    }
  }
}

/// Whether a RESUME was refused because the driver has resumed everything already: at the end of
/// the target's runtime (EPERM; a snapshot does not look at the runtime, so it tells this from not
/// being the tracer), or of the debug session, which somebody else has ended (EINVAL).
bool Session::has_resumed_by_itself(SysError error) {
  if (error.number == EINVAL) {
    note(error);
    return true;
  }
  return error.number == EPERM && !GPREEMPT_MUTANT("resumed-by-runtime-unknown") &&
         rescan().has_value();
}

bool Session::is_known(QueueSerial serial) const { return queues_.kernel_id(serial).has_value(); }

std::optional<Error> Session::shut_down() {
  std::optional<Error> first;
  // Also when the wait itself failed: what is suspended must not stay so while this process lives.
  if (phase_ != Phase::kTargetExited && was_enabled_) {
    // A target that waits inside its runtime's start or end would wait for ever without an answer.
    std::array<std::byte, 1> told{};
    if (os_.read(notify_.read, told)) {
      serve_driver_events();
    }
    first = resume_all();
    if (!GPREEMPT_MUTANT("session-left-enabled")) {
      first = end_session(std::move(first));
    }
    enabled_ = false;
    answer_late_handshake();
  }
  detach();
  if (options_.heartbeat != nullptr && !first) {
    (void)options_.heartbeat->tell(Beat::Kind::kDetached, options_.pid);
  }
  for (const Fd fd : {notify_.read, notify_.write, driver_, pidfd_}) {
    if (fd != kNoFd) {
      os_.close(fd);
    }
  }
  return first;
}

/// DISABLE, which resumes whatever a RESUME has left. Returns the first error of the way out.
std::optional<Error> Session::end_session(std::optional<Error> first) {
  const auto disabled = trap_.disable();
  const int number = disabled ? 0 : disabled.error().number;
  // EINVAL: somebody else has ended it. ESRCH: its process is gone, unless it is still there, and
  // executes another program: then the session went with the one before.
  const bool lives =
      number == ESRCH && phase_ != Phase::kTargetExited && is_alive() && !leader_lives();
  if (number != 0 && number != EINVAL && (number != ESRCH || lives) && !first) {
    return trap_error("end the debug session", options_.pid, disabled.error());
  }
  return first;
}

/// The driver finds a process by its leader's memory: one whose leader lives and that it does not
/// find has another memory. False where that cannot be read.
bool Session::leader_lives() {
  const auto status = read_process_status(os_, "/proc", fmt::format("{}", options_.pid));
  const std::string state = value_of(status.value_or(ProcessStatus()), "State");
  return !state.empty() && !state.starts_with('Z');
}

/// A runtime that started or ended after the last look at the driver's events, and before the end
/// of the session, waits still.
void Session::answer_late_handshake() {
  const std::string proc_root = "/proc";
  if (waits_in_handshake(os_, proc_root, options_.pid).value_or(false)) {
    (void)free_traced(os_, trap_, options_.pid, notify_.write, proc_root);
  }
}

std::optional<Error> Session::resume_all() {
  const auto suspended = queues_.due(kForever);
  if (suspended.empty()) {
    return std::nullopt;
  }
  const auto outcomes = resume(suspended);
  if (outcomes || (outcomes.error().number == ESRCH && !is_alive())) {
    return std::nullopt;
  }
  return trap_error("resume queues", options_.pid, outcomes.error());
}

void Session::detach() {
  const Instant begin = os_.now();
  const Instant patience_ends = saturating_add(begin, kDetachPatience);
  if (options_.heartbeat != nullptr && tracee_.held() && !resume_failed_) {
    // To be let go of it is stopped: a controller that freezes in between would leave it so.
    (void)options_.heartbeat->tell(Beat::Kind::kSuspending, options_.pid, begin, patience_ends);
  }
  tracee_.detach([&] {
    std::array<WaitFd, 1> fds{WaitFd{.fd = inbox_->fd()}};
    const auto ready = os_.wait(fds, patience_ends);
    if (!ready || *ready == 0) {
      return false;
    }
    inbox_->drain();
    while (inbox_->take()) {
    }
    return true;
  });
}

}  // namespace gpreempt::kfd
