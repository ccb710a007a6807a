#include "backends/kfd/tracee.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>

#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/mutant.h"

namespace gpreempt::kfd {
namespace {

using Kind = ChildStatus::Kind;

bool is_gone(Kind kind) { return kind == Kind::kExited || kind == Kind::kKilled; }

}  // namespace

Result<void> Tracee::seize() {
  const auto seized = os_.ptrace(PtraceOp::kSeize, pid_.value(), kTraceExec | kTraceExit);
  if (seized) {
    held_ = true;
    return {};
  }
  const int number = seized.error().number;
  switch (number) {
    case ESRCH:
      return fail(Errc::kProcessExited, fmt::format("attach to pid {}: no such process", pid_),
                  number);
    case EPERM:
      return fail(Errc::kNotPermitted,
                  fmt::format("attach to pid {}: ptrace is refused; run as the same user or with "
                              "CAP_SYS_PTRACE, see kernel.yama.ptrace_scope, and end any debugger "
                              "or strace on it",
                              pid_),
                  number);
    default:
      return fail(Errc::kIo,
                  fmt::format("attach to pid {}: ptrace: {}", pid_, std::strerror(number)), number);
  }
}

Tracee::Change Tracee::pump() {
  while (held_) {
    const auto status = os_.poll_child(pid_.value());
    if (!status) {
      if (status.error().number != ECHILD) {
        return Change::kNone;
      }
      held_ = false;
      return Change::kLost;
    }
    const std::optional<ChildStatus>& found = *status;
    if (!found.has_value()) {
      return Change::kNone;
    }
    const ChildStatus& child = *found;
    switch (child.kind) {
      case Kind::kExited:
      case Kind::kKilled: held_ = false; return Change::kExited;
      case Kind::kExecStop: return Change::kExecuted;
      case Kind::kGroupStop:
        (void)os_.ptrace(
            GPREEMPT_MUTANT("group-stop-continued") ? PtraceOp::kCont : PtraceOp::kListen,
            pid_.value(), 0);
        break;
      case Kind::kSignalStop:
        // Failure means that it was killed in the stop: the next poll says so.
        (void)os_.ptrace(
            PtraceOp::kCont, pid_.value(),
            GPREEMPT_MUTANT("signal-swallowed") ? 0 : static_cast<std::uint64_t>(child.value));
        break;
      case Kind::kInterruptStop:
      case Kind::kExitStop:
      case Kind::kOtherStop: proceed(); break;
    }
  }
  return Change::kNone;
}

void Tracee::proceed() { (void)os_.ptrace(PtraceOp::kCont, pid_.value(), 0); }

void Tracee::detach(const std::function<bool()>& await_change) {
  if (!held_) {
    return;
  }
  if (!os_.ptrace(PtraceOp::kInterrupt, pid_.value(), 0)) {
    held_ = false;
    return;
  }
  while (!try_detach()) {
    if (!await_change()) {
      return;
    }
  }
}

bool Tracee::try_detach() {
  for (;;) {
    const auto status = os_.poll_child(pid_.value());
    if (!status) {
      held_ = false;
      return true;
    }
    const std::optional<ChildStatus>& found = *status;
    if (!found.has_value()) {
      return false;
    }
    const ChildStatus& child = *found;
    if (is_gone(child.kind)) {
      held_ = false;
      return true;
    }
    const int signal = child.kind == Kind::kSignalStop && !GPREEMPT_MUTANT("detach-loses-signal")
                           ? child.value
                           : 0;
    if (os_.ptrace(PtraceOp::kDetach, pid_.value(), static_cast<std::uint64_t>(signal))) {
      held_ = false;
      return true;
    }
  }
}

}  // namespace gpreempt::kfd
