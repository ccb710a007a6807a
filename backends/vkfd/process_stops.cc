#include <signal.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <utility>

#include "backends/kfd/os.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "backends/vkfd/process_state.h"
#include "backends/vkfd/process_table.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

/// How a process runs and stops, and what its tracer does to it.
namespace gpreempt::vkfd {

using kfd::ChildStatus;
using kfd::PtraceOp;
using kfd::sys_fail;
using kfd::SysResult;
using Kind = ChildStatus::Kind;

namespace {

enum class Action { kNothing, kStop, kEnd };

Action default_action(int signal) {
  switch (signal) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH: return Action::kNothing;
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU: return Action::kStop;
    default: return Action::kEnd;
  }
}

bool is_gone(Kind kind) { return kind == Kind::kExited || kind == Kind::kKilled; }

/// As wait(2) gives it.
long wait_status(const ChildStatus& death) {
  constexpr unsigned kCodeBits = 8;
  GPREEMPT_CHECK(is_gone(death.kind));
  return death.kind == Kind::kKilled
             ? death.value
             : static_cast<long>(static_cast<unsigned>(death.value) << kCodeBits);
}

}  // namespace

// ---- what a tracer asks for

SysResult<long> ProcessTable::trace(const Caller& caller, PtraceOp op, Pid pid, std::uint64_t arg) {
  Process* const process = find(pid);
  if (process == nullptr) {
    return sys_fail(ESRCH);
  }
  if (process->exited) {
    return sys_fail(op == PtraceOp::kSeize ? EPERM : ESRCH);  // a zombie, until it is reaped
  }
  if (op == PtraceOp::kSeize) {
    return seize(caller, *process, arg);
  }
  if (!process->tracer || process->tracer->thread != caller.thread) {
    return sys_fail(ESRCH);
  }
  if (op == PtraceOp::kInterrupt) {
    interrupt(*process);
    return 0;
  }
  if (!process->stop || process->listening) {
    return sys_fail(ESRCH);
  }
  switch (op) {
    case PtraceOp::kSeize:
    case PtraceOp::kInterrupt: break;
    case PtraceOp::kCont: cont(*process, static_cast<int>(arg)); break;
    case PtraceOp::kListen:
      if (process->stop->kind != Kind::kGroupStop && process->stop->kind != Kind::kInterruptStop) {
        return sys_fail(EIO);
      }
      process->listening = true;
      break;
    case PtraceOp::kDetach:
      (void)system_.kfd().let_go(caller, pid);
      release(*process, static_cast<int>(arg));
      break;
    case PtraceOp::kGetEvent:
      return process->stop->kind == Kind::kExitStop ? wait_status(*process->death) : 0;
    case PtraceOp::kGetSiginfo: return process->stop->kind == Kind::kSignalStop ? SI_USER : SIGTRAP;
  }
  return 0;
}

SysResult<long> ProcessTable::seize(const Caller& caller, Process& process, std::uint64_t options) {
  const std::uint32_t user = user_of(caller.process);
  const bool may = user == 0 || user == user_of(process.pid);
  if (process.tracer || process.pid == caller.process || !may) {
    return sys_fail(EPERM);
  }
  if (system_.kfd().alive(process.pid)) {
    if (const long result = system_.kfd().seize(caller, process.pid); result < 0) {
      return sys_fail(static_cast<int>(-result));
    }
  }
  process.tracer = caller;
  process.options = options;
  go_on_soon(process);
  return 0;
}

void ProcessTable::interrupt(Process& process) {
  process.interrupt_due = true;
  if (std::exchange(process.listening, false)) {
    process.stop.reset();
  }
  go_on_soon(process);
}

void ProcessTable::cont(Process& process, int signal) {
  if (process.stop && process.stop->kind == Kind::kSignalStop) {
    process.injected = signal;
  }
  process.stop.reset();
  process.report.reset();
  process.group_stopped = false;
  go_on_soon(process);
}

/// The tracer lets go of it, or has died.
void ProcessTable::release(Process& process, int signal) {
  if (process.stop && process.stop->kind == Kind::kSignalStop) {
    process.injected = signal;
  }
  process.tracer.reset();
  process.stop.reset();
  process.report.reset();
  process.listening = false;
  process.interrupt_due = false;
  go_on_soon(process);
}

// ---- how it runs

void ProcessTable::go_on_soon(Process& process) {
  if (process.next_step == 0 && !process.exited) {
    process.next_step = timeline_.at(timeline_.now(), [this, &process] {
      process.next_step = 0;
      go_on(process);
    });
  }
}

void ProcessTable::go_on(Process& process) {
  bool more = true;
  while (more && !process.exited && !process.stop) {
    more = step(process);
  }
}

/// What is due first: its end, a stop, a signal, or else its program. Returns whether there may be
/// more to do now.
bool ProcessTable::step(Process& process) {
  if (process.stage == Stage::kExit) {
    return advance(process);
  }
  if (process.injected != 0) {
    act(process, std::exchange(process.injected, 0));
    return true;
  }
  if (std::exchange(process.exec_due, false) && process.tracer) {
    stop(process, Kind::kExecStop, SIGTRAP);
    return true;
  }
  if (process.tracer && std::exchange(process.interrupt_due, false)) {
    stop(process, process.group_stopped ? Kind::kGroupStop : Kind::kInterruptStop,
         process.group_stopped ? SIGSTOP : SIGTRAP);
    return true;
  }
  if (process.group_stopped) {
    if (!process.tracer) {
      return false;
    }
    stop(process, Kind::kGroupStop, SIGSTOP);
    return true;
  }
  if (!process.signals.empty()) {
    deliver_signal(process);
    return true;
  }
  return advance(process);
}

/// To its tracer if it has one.
void ProcessTable::deliver_signal(Process& process) {
  const int signal = process.signals.front();
  process.signals.pop_front();
  if (process.tracer) {
    stop(process, Kind::kSignalStop, signal);
  } else {
    act(process, signal);
  }
}

/// One step of its program. Returns whether there is more to do now.
bool ProcessTable::advance(Process& process) {
  constexpr int kCannotExecute = 127;
  switch (process.stage) {
    case Stage::kExec:
      process.stage = Stage::kRun;
      if (!process.program) {
        begin_exit(process, Kind::kExited, kCannotExecute);
      } else if (process.traces(kfd::kTraceExec)) {
        stop(process, Kind::kExecStop, SIGTRAP);
      }
      return true;
    case Stage::kRun: return run_program(process);
    case Stage::kExit: return leave(process);
  }
  return false;
}

/// Ends it if its time has come, or sees to it that this happens then.
bool ProcessTable::run_program(Process& process) {
  if (process.of_system || !process.program) {
    return false;
  }
  if (timeline_.now() >= process.ends_at) {
    begin_exit(process, Kind::kExited, process.program->code);
    return true;
  }
  if (process.alarm == 0 && process.ends_at != kForever) {
    process.alarm = timeline_.at(process.ends_at, [this, &process] {
      process.alarm = 0;
      go_on(process);
    });
  }
  return false;
}

/// The exit stop if that is asked for, then the end.
bool ProcessTable::leave(Process& process) {
  if (process.traces(kfd::kTraceExit) && !std::exchange(process.exit_stop_made, true)) {
    stop(process, Kind::kExitStop, SIGTRAP);
    return true;
  }
  if (process.of_system) {
    system_.exit(process.pid);  // comes back as `system_exited`
  } else {
    finish(process);
  }
  return !process.exited;
}

void ProcessTable::act(Process& process, int signal) {
  switch (default_action(signal)) {
    case Action::kNothing: break;
    case Action::kStop: process.group_stopped = true; break;
    case Action::kEnd: begin_exit(process, Kind::kKilled, signal); break;
  }
}

void ProcessTable::begin_exit(Process& process, Kind kind, int value) {
  process.death = ChildStatus{.tid = process.pid.value(), .kind = kind, .value = value};
  process.stage = Stage::kExit;
}

void ProcessTable::finish(Process& process) {
  process.exited = true;
  process.stop.reset();
  process.report.reset();
  timeline_.cancel(std::exchange(process.next_step, 0));
  timeline_.cancel(std::exchange(process.alarm, 0));
  const std::optional<Caller> tracer = process.tracer;
  process.reaped = !tracer && !process.parent;
  for (const auto& [pid, listener] : listeners_) {
    listener->process_exited(process.pid);
  }
  if (tracer) {
    tell(tracer->process);
  } else if (process.parent) {
    tell(*process.parent);
  }
}

void ProcessTable::stop(Process& process, Kind kind, int signal) {
  GPREEMPT_CHECK(process.tracer.has_value());
  process.stop = ChildStatus{.tid = process.pid.value(), .kind = kind, .value = signal};
  process.report = process.stop;
  system_.kfd().interrupt(process.pid);
  tell(process.tracer->process);
}

}  // namespace gpreempt::vkfd
