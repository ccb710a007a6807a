// Who may debug a process, and DBG_TRAP ENABLE and DISABLE.
#include <cerrno>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/kfd_state.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/task.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::sim {

// ---- permission
// -----------------------------------------------------------------------------------------

long KfdModel::seize(Caller caller, Pid target) {
  Process* process = find(target);
  if (process == nullptr) {
    return -ESRCH;
  }
  if (process->tracer) {
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

/// The errno ladder of kfd_ioctl_set_debug_trap, as far as it can fail here.
long KfdModel::check(Caller caller, Pid target, bool enabled, bool runtime) const {
  const Process* process = find(target);
  if (process == nullptr || !alive(caller.process)) {
    return -ESRCH;
  }
  const bool traced = process->tracer && process->tracer->thread == caller.thread;
  const bool own_session =
      personality_.debugger_process_counts && process->debugger == caller.process;
  if (target != caller.process && !traced && !own_session) {
    return -EPERM;
  }
  if (enabled && !process->debugger) {
    return -EINVAL;
  }
  if (runtime && !process->runtime_enabled) {
    return -EPERM;
  }
  return 0;
}

// ---- sessions
// -------------------------------------------------------------------------------------------

void KfdModel::enable(Caller caller, Pid target, std::uint64_t mask, std::function<void()> notify,
                      Reply reply) {
  tasks_.start(do_enable(caller, target, mask, std::move(notify), std::move(reply)));
}

Task KfdModel::do_enable(Caller caller, Pid target, std::uint64_t mask,
                         std::function<void()> notify, Reply reply) {
  co_await Delay(timeline_, parameters(0).t_ioctl);
  if (const long error = check(caller, target, false, false); error != 0) {
    reply(error);
    co_return;
  }
  Process& process = *find(target);
  co_await process.mutex.acquire();
  // Either side may have gone while this call waited.
  const long error = check(caller, target, false, false);
  if (error != 0 || process.debugger) {
    process.mutex.release();
    reply(error != 0 ? error : -EALREADY);
    co_return;
  }
  process.debugger = caller.process;
  process.exception_mask = mask;
  process.notify = std::move(notify);
  if (process.runtime_enabled) {
    for (const Device& device : process.devices) {
      co_await locked_refresh(device.gpu, process.pid, shortest_grace(device.gpu));
    }
  }
  process.mutex.release();
  reply(0);
}

void KfdModel::disable(Caller caller, Pid target, Reply reply) {
  tasks_.start(do_disable(caller, target, std::move(reply)));
}

Task KfdModel::do_disable(Caller caller, Pid target, Reply reply) {
  co_await Delay(timeline_, parameters(0).t_ioctl);
  const Process* found = find(target);
  // Drivers without the later check let anybody who can name the process end its session.
  const bool unchecked = !personality_.debugger_process_counts && found != nullptr;
  const long error =
      unchecked ? (found->debugger ? 0 : -EINVAL) : check(caller, target, true, false);
  if (error != 0) {
    reply(error);
    co_return;
  }
  Process& process = *find(target);
  co_await process.mutex.acquire();
  const bool open = process.debugger.has_value();
  if (open) {
    co_await close_session(process);
  }
  process.mutex.release();
  reply(open ? 0 : -EINVAL);
}

/// kfd_dbg_trap_deactivate: resumes everything, then takes back the launch mode, the flags and the
/// trap handler's debug mode, each with a refresh of every GPU.
Task KfdModel::close_session(Process& process) {
  constexpr int kCleanUps = 3;
  process.debugger.reset();
  process.notify = nullptr;
  if (process.runtime_enabled) {
    for (const Device& device : process.devices) {
      co_await resume_all(process, device.gpu);
    }
    for (int i = 0; i < kCleanUps; ++i) {
      for (const Device& device : process.devices) {
        co_await locked_refresh(device.gpu, process.pid, shortest_grace(device.gpu));
      }
    }
  }
  process.process_exceptions = 0;
  for (auto& [id, queue] : process.queues) {
    queue.exceptions = 0;
  }
}

/// resume_queues without ids: a refresh wherever the process has queues, suspended or not.
Task KfdModel::resume_all(Process& process, std::uint32_t gpu) {
  Node& node = *nodes_[gpu];
  co_await node.dqm_lock.acquire();
  const std::vector<Queue*> queues = process.queues_on(gpu);
  for (Queue* queue : queues) {
    queue->is_suspended = false;
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
