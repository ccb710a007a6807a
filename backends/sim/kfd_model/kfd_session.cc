// Who may debug a process, and DBG_TRAP ENABLE and DISABLE.
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/kfd_state.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/task.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::sim {

// ---- permission
// -----------------------------------------------------------------------------------------

long KfdModel::seize(Caller caller, Pid target) {
  Process* process = find(target);
  if (process == nullptr) {
    return -ESRCH;
  }
  if (process->tracer && !GPREEMPT_MUTANT("second-tracer-allowed")) {
    return -EPERM;
  }
  process->tracer = caller;
  return 0;
}

long KfdModel::let_go(Caller caller, Pid target) {
  Process* process = find(target);
  if (process == nullptr || !process->tracer || process->tracer->thread != caller.thread) {
    return -ESRCH;
  }
  process->tracer.reset();
  return 0;
}

/// The errno ladder of kfd_ioctl_set_debug_trap, up to an operation's own arguments.
long KfdModel::check(Caller caller, Pid target, Gate gate) const {
  const Process* process = find(target);
  if (process == nullptr || !process->is_open || !alive(caller.process)) {
    return -ESRCH;
  }
  const bool traced = process->tracer && process->tracer->thread == caller.thread;
  const bool exempt = personality_.debugger_process_counts
                          ? process->debugger == find(caller.process)
                          : gate == Gate::kDisable;
  if (target != caller.process && !traced && !exempt && !GPREEMPT_MUTANT("tracer-not-asked")) {
    return -EPERM;
  }
  if (gate != Gate::kEnable && !process->debug_enabled) {
    return -EINVAL;
  }
  if (gate == Gate::kRuntime && !process->runtime.enabled &&
      !GPREEMPT_MUTANT("runtime-gate-gone")) {
    return -EPERM;
  }
  return 0;
}

// ---- sessions
// -------------------------------------------------------------------------------------------

void KfdModel::enable(Caller caller, Pid target, EnableRequest request, Reply reply) {
  tasks_.start(do_enable(caller, target, std::move(request), std::move(reply)));
}

Task KfdModel::do_enable(Caller caller, Pid target, EnableRequest request, Reply reply) {
  co_await Delay(timeline_, parameters(0).t_ioctl);
  Process* const found = find(target);
  if (found != nullptr && found->tracer && found->tracer->thread == caller.thread) {
    open_device(target);  // a process that its tracer names need not have opened it
  }
  if (const long error = check(caller, target, Gate::kEnable); error != 0) {
    reply(error);
    co_return;
  }
  Process& process = *find(target);
  co_await process.mutex.acquire();
  // Either side may have gone while this call waited.
  long result = process.alive ? check(caller, target, Gate::kEnable) : -ESRCH;
  if (result == 0) {
    if (target != caller.process) {
      process.debugger = find(caller.process);  // whatever comes of it
    }
    co_await open_session(process, request, result);
  }
  process.mutex.release();
  reply(result);
}

/// kfd_dbg_trap_enable
Task KfdModel::open_session(Process& process, EnableRequest& request, long& result) {
  if (process.debug_enabled) {
    result = -EALREADY;
    co_return;
  }
  if (!request.notify) {
    result = -EBADF;
    co_return;
  }
  process.notify = std::move(request.notify);
  process.debug_enabled = true;
  if (process.debugger != nullptr) {
    ++process.debugger->sessions;
  }
  if (process.runtime.enabled) {
    co_await activate(process);
  }
  if (!request.publish || request.publish(process.runtime)) {
    process.exception_mask = request.mask;
    co_return;
  }
  result = -EFAULT;
  co_await deactivate(process);
  if (personality_.enable_fault_undoes) {
    forget_session(process);
  }
}

void KfdModel::disable(Caller caller, Pid target, Reply reply) {
  tasks_.start(do_disable(caller, target, std::move(reply)));
}

Task KfdModel::do_disable(Caller caller, Pid target, Reply reply) {
  co_await Delay(timeline_, parameters(0).t_ioctl);
  if (const long error = check(caller, target, Gate::kDisable); error != 0) {
    reply(error);
    co_return;
  }
  Process& process = *find(target);
  co_await process.mutex.acquire();
  const bool open = process.debug_enabled;
  if (open) {
    co_await close_session(process);
  }
  process.mutex.release();
  reply(open ? 0 : -EINVAL);
}

void KfdModel::forget_session(Process& process) {
  if (process.debugger != nullptr) {
    --process.debugger->sessions;
  }
  process.debugger = nullptr;
  process.debug_enabled = false;
  process.notify = nullptr;
}

/// kfd_dbg_trap_disable
Task KfdModel::close_session(Process& process) {
  forget_session(process);
  if (process.runtime.enabled) {
    co_await deactivate(process);
  }
  process.process_exceptions = 0;
  for (auto& [id, queue] : process.queues) {
    queue.exceptions = 0;
  }
}

/// kfd_dbg_trap_activate
Task KfdModel::activate(Process& process) {
  for (const Device& device : process.devices) {
    co_await locked_refresh(device.gpu, process.pid, shortest_grace(device.gpu));
  }
}

/// kfd_dbg_trap_deactivate: resumes everything, then takes back the launch mode, the flags and the
/// trap handler's debug mode, each with a refresh of every GPU.
Task KfdModel::deactivate(Process& process) {
  constexpr int kCleanUps = 3;
  process.flags = 0;
  process.watches.clear();
  for (const Device& device : process.devices) {
    co_await resume_all(process, device.gpu);
  }
  for (int i = 0; i < kCleanUps; ++i) {
    for (const Device& device : process.devices) {
      co_await locked_refresh(device.gpu, process.pid, shortest_grace(device.gpu));
    }
  }
}

/// resume_queues without ids: a refresh wherever the process has queues, suspended or not.
Task KfdModel::resume_all(Process& process, std::uint32_t gpu) {
  Node& node = *nodes_[gpu];
  co_await node.dqm_lock.acquire();
  const std::vector<Queue*> queues = process.queues_on(gpu);
  for (Queue* queue : queues) {
    set_suspended(*queue, queue->is_suspended && GPREEMPT_MUTANT("disable-resumes-nothing"));
    queue->is_held = false;
  }
  if (!queues.empty()) {
    CallRecord unrecorded;
    co_await refresh(gpu, parameters(gpu).t_grace, process.pid, unrecorded);
    if (unrecorded.error == 0) {
      for (Queue* queue : queues) {
        queue->wake_destroyers(true);
      }
    }
  }
  node.dqm_lock.release();
}

}  // namespace gpreempt::sim
