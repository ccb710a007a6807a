#include "backends/kfd/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "backends/kfd/abi.h"
#include "backends/kfd/dbg_trap.h"
#include "backends/kfd/driver.h"
#include "backends/kfd/first_queue.h"
#include "backends/kfd/heartbeat.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/os.h"
#include "backends/kfd/tracee.h"
#include "core/error.h"
#include "core/event.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

constexpr std::uint64_t kSubscribed = abi::kProcessRuntime | abi::kQueueNew;
/// When the driver could not enable a session again after exec, or end a lease.
constexpr Duration kRetryAfter = std::chrono::milliseconds(100);

}  // namespace

Result<WorkerId> Session::start(Os& os, SessionOptions options, Inbox inbox, Outbox outbox) {
  const auto name = fmt::format("tracer {}", options.pid);
  const std::shared_ptr<Session> session(
      new Session(os, std::move(options), std::move(inbox), std::move(outbox)));
  const auto worker = os.spawn(name, [session] { session->run(); });
  if (!worker) {
    return fail(Errc::kIo, fmt::format("start {}: {}", name, std::strerror(worker.error().number)),
                worker.error().number);
  }
  return *worker;
}

Session::Session(Os& os, SessionOptions options, Inbox inbox, Outbox outbox)
    : os_(os),
      options_(std::move(options)),
      inbox_(std::move(inbox)),
      outbox_(std::move(outbox)),
      tracee_(os, options_.pid),
      trap_(os, kNoFd, options_.pid) {}

void Session::run() {
  auto refused = open_target();
  if (!refused) {
    refused = await_first_queue();
  }
  if (!refused && phase_ == Phase::kServing) {
    refused = set_up();
  }
  if (refused) {
    phase_ = Phase::kStopped;
    (void)shut_down();
    report(SessionReady{std::move(refused)});
    return;
  }
  if (phase_ == Phase::kServing) {
    report(SessionReady{});
  }
  while (phase_ == Phase::kServing) {
    serve_once();
  }
  const bool exited = phase_ == Phase::kTargetExited;
  auto error = shut_down();
  if (exited) {
    report(SessionTargetExited{});
  } else {
    report(SessionClosed{std::move(error)});
  }
}

/// Until the end, so that another process that is given its number is never taken for it.
std::optional<Error> Session::open_target() {
  const auto pidfd = os_.open_pidfd(options_.pid);
  if (!pidfd) {
    return no_target(pidfd.error().number);
  }
  pidfd_ = *pidfd;
  return std::nullopt;
}

Error Session::no_target(int number) const {
  return Error{.code = number == ESRCH ? Errc::kProcessExited : Errc::kIo,
               .sys_errno = number,
               .what = fmt::format("attach to pid {}: {}", options_.pid,
                                   number == ESRCH ? "no such process, or it ended before it had "
                                                     "a queue"
                                                   : std::strerror(number))};
}

bool Session::is_alive() {
  std::array<WaitFd, 1> fds{WaitFd{.fd = pidfd_}};
  return os_.wait(fds, os_.now()).value_or(0) == 0;
}

/// Blocks: until the target has a queue (or is gone: an error), or the session is to stop.
std::optional<Error> Session::await_first_queue() {
  if (options_.first_queue_poll == Duration{}) {
    return std::nullopt;
  }
  std::optional<Error> error;
  while (phase_ == Phase::kServing && !error &&
         !has_queue(os_, options_.sysfs_root, options_.pid)) {
    std::array<WaitFd, 2> fds{WaitFd{.fd = inbox_->fd()}, WaitFd{.fd = pidfd_}};
    if (!os_.wait(fds, saturating_add(os_.now(), options_.first_queue_poll))) {
      phase_ = Phase::kLost;
    } else if (fds[1].ready) {
      error = no_target(ESRCH);
    }
    inbox_->drain();
    while (const auto request = inbox_->take()) {
      // Nothing can be asked of a target that is not attached yet, but to let it be.
      if (std::holds_alternative<StopSession>(*request)) {
        phase_ = Phase::kStopped;
      }
    }
  }
  return error;
}

std::optional<Error> Session::set_up() {
  const auto driver = open_driver(os_, options_.device);
  if (!driver) {
    return driver.error();
  }
  driver_ = *driver;
  if (options_.heartbeat != nullptr &&
      !options_.heartbeat->tell(Beat::Kind::kAttached, options_.pid)) {
    return Error{
        .code = Errc::kBusy,
        .sys_errno = 0,
        .what = fmt::format("attach to pid {}: the watchdog has ended; start again", options_.pid)};
  }
  trap_ = DbgTrap(os_, driver_, options_.pid);
  const auto pipe = os_.pipe();
  if (!pipe) {
    return Error{.code = Errc::kIo,
                 .sys_errno = pipe.error().number,
                 .what = fmt::format("attach to pid {}: pipe: {}", options_.pid,
                                     std::strerror(pipe.error().number))};
  }
  notify_ = *pipe;
  if (auto seized = tracee_.seize(); !seized) {
    return std::move(seized).error();
  }
  if (!is_alive() && !GPREEMPT_MUTANT("reused-pid-attached")) {
    return no_target(ESRCH);  // what was seized is another process, with its number
  }
  if (auto error = enable()) {
    return error;
  }
  if (const auto scanned = rescan(); !scanned) {
    return trap_error("list queues", options_.pid, scanned.error());
  }
  return std::nullopt;
}

std::optional<Error> Session::enable() {
  const auto info = trap_.enable(kSubscribed, notify_.write);
  // Ours still stands when only a call on it had failed.
  const bool stands = was_enabled_ && !info && info.error().number == EALREADY;
  if (!info && !stands) {
    return trap_error("start a debug session", options_.pid, info.error());
  }
  enabled_ = true;
  was_enabled_ = true;
  return std::nullopt;
}

void Session::serve_once() {
  std::array<WaitFd, 2> fds{WaitFd{.fd = inbox_->fd()}, WaitFd{.fd = notify_.read}};
  if (!os_.wait(fds, next_deadline())) {
    phase_ = Phase::kLost;
    return;
  }
  if (fds[0].ready) {
    inbox_->drain();
    while (phase_ == Phase::kServing) {
      const auto request = inbox_->take();
      if (!request) {
        break;
      }
      serve(*request);
    }
  }
  if (phase_ == Phase::kServing && fds[1].ready) {
    os_.drain(notify_.read);
    serve_driver_events();
  }
  if (phase_ == Phase::kServing) {
    serve_deadlines();
  }
  tell_watchdog();
}

void Session::serve(const SessionRequest& request) {
  if (const auto* suspend = std::get_if<SuspendRequest>(&request)) {
    serve(*suspend);
  } else if (const auto* resume = std::get_if<ResumeRequest>(&request)) {
    serve(*resume);
  } else if (std::holds_alternative<ChildChanged>(request)) {
    (void)serve_tracee();
  } else {
    phase_ = Phase::kStopped;
  }
}

bool Session::serve_tracee() {
  bool executed = false;
  for (;;) {
    switch (tracee_.pump()) {
      case Tracee::Change::kNone: return executed;
      case Tracee::Change::kExecuted:
        serve_executed();
        executed = true;
        break;
      case Tracee::Change::kLost:
        // A thread that executes a program takes the leader's number; the traced leader is gone.
        if (is_alive() && tracee_.seize()) {
          serve_executed();
          executed = true;
          break;
        }
        [[fallthrough]];
      case Tracee::Change::kExited: phase_ = Phase::kTargetExited; return false;
    }
  }
}

void Session::serve_executed() {
  // The old address space took its queues and its debug session along. The new one is enabled
  // before it runs, so that no queue is missed.
  for (const QueueSerial serial : queues_.apply({}).gone) {
    report(SessionQueueGone{serial});
  }
  enabled_ = false;
  if (const auto error = GPREEMPT_MUTANT("exec-not-enabled") ? std::nullopt : enable();
      error && error->code != Errc::kProcessExited) {
    rescan_at_ = saturating_add(os_.now(), kRetryAfter);
  }
  tracee_.proceed();
}

void Session::serve_driver_events() {
  bool has_new_queue = false;
  for (;;) {
    const auto event = trap_.query_event();
    if (!event) {
      if (event.error().number != EAGAIN) {
        note(event.error());
      }
      break;
    }
    if (event->exception_mask == 0) {
      break;
    }
    has_new_queue = has_new_queue || (event->exception_mask & abi::kQueueNew) != 0;
    forward(*event);
  }
  if (has_new_queue && phase_ == Phase::kServing && !GPREEMPT_MUTANT("late-queue-unseen")) {
    if (const auto scanned = rescan(); !scanned) {
      note(scanned.error());
    }
  }
}

void Session::forward(const abi::TrapQueryEvent& event) {
  if ((event.exception_mask & abi::kProcessRuntime) != 0 &&
      !GPREEMPT_MUTANT("runtime-unanswered")) {
    if (const auto sent = trap_.send_runtime_event(
            {.exception_mask = abi::kProcessRuntime, .gpu_id = 0, .queue_id = 0});
        !sent) {
      note_unless_refused(sent.error());
    }
  }
  // A debugger gets exceptions instead of the runtime; this one has no use for them.
  const std::uint64_t foreign =
      GPREEMPT_MUTANT("foreign-exception-kept") ? 0 : event.exception_mask & ~kSubscribed;
  if (foreign != 0) {
    if (const auto sent = trap_.send_runtime_event(
            {.exception_mask = foreign, .gpu_id = event.gpu_id, .queue_id = event.queue_id});
        !sent) {
      note_unless_refused(sent.error());
    }
    report(SessionException{foreign});
  }
}

/// EINVAL from a runtime event is about the event, not about the session.
void Session::note_unless_refused(SysError error) {
  if (error.number != EINVAL) {
    note(error);
  }
}

Instant Session::next_deadline() const {
  return std::min(GPREEMPT_MUTANT("lease-ignored") ? kForever : queues_.first_due(), rescan_at_);
}

void Session::serve_deadlines() {
  const Instant now = os_.now();
  // Before the leases, which may put it off.
  const bool rescan_due = rescan_at_ <= now;
  if (queues_.first_due() <= now) {
    end_leases(now);
  }
  if (phase_ != Phase::kServing || !rescan_due) {
    return;
  }
  // A lost notification of a child is made up for here, too.
  (void)serve_tracee();
  if (phase_ != Phase::kServing) {
    return;
  }
  if (!enabled_ && enable()) {
    rescan_at_ = saturating_add(now, kRetryAfter);
    // Another thread of a child of ours may have executed a program: only this tells so then.
    if (is_alive() && tracee_.seize()) {
      serve_executed();
    }
    return;
  }
  if (const auto scanned = rescan(); !scanned) {
    note(scanned.error());
  }
}

void Session::end_leases(Instant now) {
  const auto due = queues_.due(now);
  const auto outcomes = resume(due);
  if (!outcomes) {
    note(outcomes.error());
    for (const QueueSerial serial : due) {
      queues_.set_suspended(serial, saturating_add(os_.now(), kRetryAfter));
    }
    return;
  }
  SessionLeaseExpired expired;
  for (std::size_t i = 0; i < due.size(); ++i) {
    if ((*outcomes)[i] != Outcome::kError) {
      expired.queues.push_back(due[i]);
    }
  }
  if (!expired.queues.empty()) {
    report(std::move(expired));
  }
}

SysResult<void> Session::rescan() {
  const auto period = options_.rescan_period;
  rescan_at_ = period == Duration{} ? kForever : saturating_add(os_.now(), period);
  const auto snapshot = trap_.snapshot();
  if (!snapshot) {
    return tl::unexpected<SysError>(snapshot.error());
  }
  auto changes = queues_.apply(*snapshot);
  for (const QueueSerial serial : changes.gone) {
    report(SessionQueueGone{serial});
  }
  for (const SessionQueueBorn& born : changes.born) {
    report(born);
  }
  return {};
}

void Session::note(SysError error) {
  if (error.number == ESRCH) {
    // Also what a call gets between an exec and its stop: then the tracee lives on.
    const bool executed = serve_tracee();
    if (!executed && phase_ == Phase::kServing) {
      // The driver has dropped the process and its stop or end is not there yet: it tells which of
      // the two it was.
      enabled_ = false;
      rescan_at_ = saturating_add(os_.now(), kRetryAfter);
    }
  } else if (error.number == EINVAL) {
    // Somebody ended the debug session behind our back.
    enabled_ = false;
    rescan_at_ = saturating_add(os_.now(), kRetryAfter);
  }
}

void Session::report(decltype(SessionReport::what) what) {
  outbox_->post(SessionReport{.target = options_.target, .at = os_.now(), .what = std::move(what)});
}

}  // namespace gpreempt::kfd
