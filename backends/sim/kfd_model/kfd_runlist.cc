// The way into the driver, and execute_queues_cpsch: how one GPU's runlist is replaced.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/perturbation.h"
#include "backends/sim/gpu/phase_clock.h"
#include "backends/sim/gpu/runlist.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/kfd_state.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/task.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {

/// From user space to the handler. Seen by the GPUs of `process`, if there is one.
Task KfdModel::enter(const Process* process, CallRecord& call) {
  call.call.called = timeline_.now();
  call.mark = timeline_.now();
  if (process != nullptr) {
    for (const Device& device : process->devices) {
      nodes_[device.gpu]->gpu->phases().call_enters(DriverPhase::kIssue, timeline_.now());
    }
  }
  Disturbance& disturbance = nodes_[0]->gpu->disturbance();
  const Duration entry = parameters(0).t_ioctl;
  co_await Delay(timeline_, disturbance.is_none() ? entry : disturbance.jittered(entry));
  if (process != nullptr) {
    for (const Device& device : process->devices) {
      nodes_[device.gpu]->gpu->phases().call_leaves(DriverPhase::kIssue, timeline_.now());
    }
  }
  call.book(DriverPhase::kIssue, timeline_.now());
}

Task KfdModel::lock(Node& node, CallRecord& call) {
  node.gpu->phases().call_enters(DriverPhase::kLock, timeline_.now());
  co_await node.dqm_lock.acquire();
  node.gpu->phases().call_leaves(DriverPhase::kLock, timeline_.now());
  call.book(DriverPhase::kLock, timeline_.now());
}

/// An ioctl that a process makes for itself.
Task KfdModel::own_ioctl(Pid pid, std::optional<ControlKind> recorded_as, Body body, Reply reply) {
  Process* process = find(pid);
  CallRecord call;
  call.call.target = pid;
  call.call.kind = recorded_as.value_or(ControlKind::kSuspend);
  co_await enter(process, call);
  if (process == nullptr || !process->alive) {
    reply(-ESRCH);
    co_return;
  }
  co_await process->mutex.acquire();
  call.book(DriverPhase::kLock, timeline_.now());
  long result = -ESRCH;
  if (process->alive) {
    co_await body(*process, call, result);
  }
  process->mutex.release();
  if (recorded_as && result >= 0) {
    call.call.done = timeline_.now();
    call.call.tells_phases = true;
    calls_.push_back(call.call);
  }
  reply(result);
}

/// unmap_queues_cpsch: preempts every queue of every process on the GPU.
Task KfdModel::unmap(std::uint32_t gpu, Duration grace, Pid cause, CallRecord& call) {
  return unmap({.grace = grace, .cause = cause.value(), .only = {}}, gpu, call);
}

Task KfdModel::unmap(UnmapRequest request, std::uint32_t gpu, CallRecord& call) {
  Node& node = *nodes_[gpu];
  const bool all = request.only.empty();
  call.error = node.is_resetting ? -EIO : GPREEMPT_MUTANT("error-sticks") ? call.error : 0;
  if (node.is_resetting || !node.runlist_active) {
    co_return;
  }
  UnmapReport report;
  co_await node.gpu->unmap(std::move(request), report);
  if (!report.timed_out) {
    co_await Delay(timeline_, parameters(gpu).t_fence);
  }
  call.call.saved_bytes += report.saved_bytes;
  phase(call.call.phases, DriverPhase::kSave) += report.save;
  call.mark += report.save;
  call.book(DriverPhase::kUnmap, timeline_.now());
  const bool failed = (report.timed_out && !GPREEMPT_MUTANT("timeout-is-success")) ||
                      !reset_stuck(gpu, report.stuck);
  if (failed) {
    call.error = -ETIME;
    begin_gpu_reset(gpu);
  } else if (all) {
    node.runlist_active = false;
  }
}

/// map_queues_cpsch: builds the runlist and submits it; the mapping itself goes on. Without an
/// active queue there is nothing to build. Processes and queues are listed newest first, and a
/// process as long as it has a queue.
Task KfdModel::map(std::uint32_t gpu, CallRecord& call) {
  Node& node = *nodes_[gpu];
  Runlist list;
  std::size_t active = 0;
  for (Process* process : node.processes) {
    RunlistProcess& entry = list.emplace_back();
    entry.process = process->pid.value();
    for (const Queue* queue : process->queues_on(gpu)) {
      if (queue->active()) {
        entry.queues.push_back(queue->hardware);
      }
    }
    active += entry.queues.size();
    if (entry.queues.empty() && GPREEMPT_MUTANT("idle-process-unlisted")) {
      list.pop_back();
    }
  }
  node.runlist_active = active > 0;
  if (node.runlist_active) {
    const auto entries = static_cast<std::int64_t>(list.size() + active);
    co_await Delay(timeline_, parameters(gpu).t_build + entries * parameters(gpu).t_build_entry);
  }
  node.runlist = list;
  node.gpu->map(std::move(list));
  call.book(DriverPhase::kMap, timeline_.now());
}

Task KfdModel::refresh(std::uint32_t gpu, Duration grace, Pid cause, CallRecord& call) {
  co_await unmap(gpu, grace, cause, call);
  if (call.error == 0) {
    co_await map(gpu, call);
  }
}

Task KfdModel::locked_refresh(std::uint32_t gpu, Pid cause, Duration grace) {
  CallRecord unrecorded;
  unrecorded.mark = timeline_.now();
  co_await nodes_[gpu]->dqm_lock.acquire();
  co_await refresh(gpu, grace, cause, unrecorded);
  nodes_[gpu]->dqm_lock.release();
}

/// Grace period 0 of debug_refresh_runlist, which the packet builder turns into one unit.
Duration KfdModel::shortest_grace(std::uint32_t gpu) const {
  const Result<Duration> unit = representable_grace(Duration::zero(), parameters(gpu).clock_hz);
  GPREEMPT_CHECK(unit.has_value());
  return *unit;
}

// ---- failures
// ---------------------------------------------------------------------------------------------

/// reset_queues_on_hws_hang: resets the queues that ignored preemption, each by itself. Whether
/// that was possible.
bool KfdModel::reset_stuck(std::uint32_t gpu, const std::vector<QueueIndex>& stuck) {
  if (stuck.empty()) {
    return true;
  }
  if (!personality_.resets_single_queues) {
    return false;
  }
  Node& node = *nodes_[gpu];
  for (Process* process : std::vector<Process*>(node.processes)) {
    bool lost = false;
    for (Queue* queue : process->queues_on(gpu)) {
      if (std::ranges::count(stuck, queue->hardware) > 0) {
        node.gpu->reset_queue(queue->hardware);
        queue->is_gone = true;
        lost = true;
      }
    }
    if (lost) {
      lose(*process, gpu);
    }
  }
  return true;
}

/// kfd_hws_hang: every process with queues on the GPU loses them. Until the reset is over no
/// runlist of it can be changed.
void KfdModel::begin_gpu_reset(std::uint32_t gpu) {
  Node& node = *nodes_[gpu];
  node.is_resetting = true;
  tasks_.start(gpu_reset(gpu));
  for (Process* process : std::vector<Process*>(node.processes)) {
    for (Queue* queue : process->queues_on(gpu)) {
      queue->is_gone = true;
    }
    lose(*process, gpu);
  }
}

Task KfdModel::gpu_reset(std::uint32_t gpu) {
  Node& node = *nodes_[gpu];
  node.gpu->reset();
  co_await Delay(timeline_, parameters(gpu).gpu_reset_time);
  node.runlist_active = false;
  node.is_resetting = GPREEMPT_MUTANT("reset-never-ends");
}

/// kfd_signal_reset_event: the process is told, and may no longer change its queues there.
void KfdModel::lose(Process& process, std::uint32_t gpu) {
  process.device(gpu)->has_reset_queue = true;
  if (on_reset_) {
    on_reset_(process.pid);
  }
}

std::uint32_t KfdModel::active_queues(std::uint32_t gpu) const {
  std::uint32_t count = 0;
  for (Process* process : nodes_[gpu]->processes) {
    for (const Queue* queue : process->queues_on(gpu)) {
      count += queue->active() && queue->type == QueueType::kCompute ? 1U : 0U;
    }
  }
  return count;
}

std::uint32_t KfdModel::processes(std::uint32_t gpu) const {
  return static_cast<std::uint32_t>(nodes_[gpu]->processes.size());
}

}  // namespace gpreempt::sim
