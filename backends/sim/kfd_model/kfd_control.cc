// SUSPEND_QUEUES, RESUME_QUEUES and what they have in common with every other change of a runlist.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/phase_clock.h"
#include "backends/sim/gpu/runlist.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/kfd_state.h"
#include "backends/sim/task.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {

void KfdModel::suspend(Caller caller, Pid target, std::vector<std::uint32_t> ids,
                       std::optional<Duration> grace, IdsReply reply) {
  tasks_.start(control({.kind = ControlKind::kSuspend,
                        .caller = caller,
                        .target = target,
                        .grace = grace.value_or(parameters(0).t_grace)},
                       std::move(ids), std::move(reply)));
}

void KfdModel::resume(Caller caller, Pid target, std::vector<std::uint32_t> ids, IdsReply reply) {
  // RESUME names no grace period: the register keeps the driver's default.
  tasks_.start(control({.kind = ControlKind::kResume,
                        .caller = caller,
                        .target = target,
                        .grace = parameters(0).t_grace},
                       std::move(ids), std::move(reply)));
}

Task KfdModel::control(Request request, std::vector<std::uint32_t> ids, IdsReply reply) {
  CallRecord call;
  call.call.target = request.target;
  call.call.kind = request.kind;
  call.call.called = timeline_.now();
  call.mark = timeline_.now();
  for (const auto& node : nodes_) {
    node->gpu->phases().call_enters(DriverPhase::kIssue, timeline_.now());
  }
  co_await Delay(timeline_, parameters(0).t_ioctl);
  for (const auto& node : nodes_) {
    node->gpu->phases().call_leaves(DriverPhase::kIssue, timeline_.now());
  }
  call.book(DriverPhase::kIssue, timeline_.now());
  long error = check(request.caller, request.target, true, true);
  if (error == 0 && ids.size() > kMaxIds) {
    error = -EINVAL;
  }
  if (error != 0 || ids.empty()) {
    reply(error, ids);
    co_return;
  }
  Process& process = *find(request.target);
  co_await process.mutex.acquire();
  call.book(DriverPhase::kLock, timeline_.now());
  // The session may have ended while this call waited, with its target or by its debugger's death.
  error = check(request.caller, request.target, true, true);
  if (error != 0) {
    process.mutex.release();
    reply(error, ids);
    co_return;
  }
  for (std::uint32_t& id : ids) {
    id |= kQueueInvalid;
  }
  for (std::uint32_t gpu = 0; gpu < gpus(); ++gpu) {
    co_await control_gpu(process, gpu, request.grace, ids, call);
  }
  const auto count = std::count_if(ids.begin(), ids.end(),
                                   [](std::uint32_t id) { return (id & kQueueInvalid) == 0; });
  if (request.kind == ControlKind::kSuspend && count > 0) {
    co_await copy_headers(process, call);
  }
  process.mutex.release();
  call.call.done = timeline_.now();
  calls_.push_back(call.call);
  reply(static_cast<long>(count), ids);
}

/// One GPU of a call: marks the queues named, then one unmap and map for all of them.
Task KfdModel::control_gpu(Process& process, std::uint32_t gpu, Duration grace,
                           std::vector<std::uint32_t>& ids, CallRecord& call) {
  Node& node = *nodes_[gpu];
  node.gpu->phases().call_enters(DriverPhase::kLock, timeline_.now());
  co_await node.dqm_lock.acquire();
  node.gpu->phases().call_leaves(DriverPhase::kLock, timeline_.now());
  call.book(DriverPhase::kLock, timeline_.now());
  bool any = false;
  for (std::uint32_t& id : ids) {
    if ((id & kQueueInvalid) == 0) {
      continue;  // served on another GPU
    }
    // Only bit 31 is stripped before comparing: an id with a stale bit 30 matches nothing.
    const auto found = process.queues.find(id & ~kQueueInvalid);
    if (found == process.queues.end() || found->second.gpu != gpu) {
      continue;
    }
    Queue& queue = found->second;
    const bool suspends = call.call.kind == ControlKind::kSuspend;
    const bool twice = std::count(ids.begin(), ids.end(), queue.id) > 0;
    if (twice || (suspends && (queue.exceptions & kQueueNew) != 0)) {
      continue;
    }
    queue.is_suspended = suspends;
    id = queue.id;
    any = true;
  }
  if (any) {
    co_await refresh(gpu, grace, process.pid, call);
  }
  node.dqm_lock.release();
}

/// execute_queues_cpsch: preempts every queue of every process on the GPU, then maps those that are
/// active. Returns when the runlist is submitted; the mapping itself goes on.
Task KfdModel::refresh(std::uint32_t gpu, Duration grace, Pid cause, CallRecord& call) {
  Node& node = *nodes_[gpu];
  if (node.runlist_active) {
    UnmapReport report;
    UnmapRequest request{.grace = grace, .cause = cause.value(), .only = {}};
    co_await node.gpu->unmap(std::move(request), report);
    co_await Delay(timeline_, parameters(gpu).t_fence);
    call.call.saved_bytes += report.saved_bytes;
    phase(call.call.phases, DriverPhase::kSave) += report.save;
    call.mark += report.save;
    call.book(DriverPhase::kUnmap, timeline_.now());
  }
  Runlist list = runlist(gpu);
  auto entries = static_cast<std::int64_t>(list.size());
  for (const RunlistProcess& each : list) {
    entries += static_cast<std::int64_t>(each.queues.size());
  }
  node.runlist_active = entries > static_cast<std::int64_t>(list.size());
  co_await Delay(timeline_, parameters(gpu).t_build + entries * parameters(gpu).t_build_entry);
  node.gpu->map(std::move(list));
  call.book(DriverPhase::kMap, timeline_.now());
}

Task KfdModel::locked_refresh(std::uint32_t gpu, Pid cause, Duration grace) {
  CallRecord unrecorded;
  unrecorded.mark = timeline_.now();
  co_await nodes_[gpu]->dqm_lock.acquire();
  co_await refresh(gpu, grace, cause, unrecorded);
  nodes_[gpu]->dqm_lock.release();
}

/// kfd_dbg_trap_deactivate: clears flags, launch mode and override (a refresh of each GPU for
/// each), then resumes what is suspended.
Task KfdModel::close_session(Process& process) {
  constexpr int kCleanUps = 3;
  process.debugger.reset();
  process.notify = nullptr;
  process.process_exceptions = 0;
  for (std::uint32_t gpu = 0; gpu < gpus() && process.runtime_enabled; ++gpu) {
    for (int i = 0; i < kCleanUps; ++i) {
      co_await locked_refresh(gpu, process.pid, parameters(gpu).t_grace);
    }
    bool suspended = false;
    for (auto& [id, queue] : process.queues) {
      queue.exceptions = 0;
      if (queue.gpu == gpu && std::exchange(queue.is_suspended, false)) {
        suspended = true;
      }
    }
    if (suspended) {
      co_await locked_refresh(gpu, process.pid, parameters(gpu).t_grace);
    }
  }
}

/// The work item that copies context headers of *all* queues of the process. The CPU's first touch
/// of a save area moves it to system memory, where it may stay.
Task KfdModel::copy_headers(Process& process, CallRecord& call) {
  for (const auto& node : nodes_) {
    node->gpu->phases().call_enters(DriverPhase::kCopy, timeline_.now());
  }
  Duration copy = parameters(0).t_copyctx;
  for (auto& [id, queue] : process.queues) {
    const GpuParameters& gpu = parameters(queue.gpu);
    if (queue.type != QueueType::kCompute || std::exchange(queue.headers_copied, true)) {
      continue;
    }
    call.call.first_of_process = true;
    if (random_.uniform() < gpu.area_moves) {
      copy += move_time(gpu, gpu.cwsr_area_bytes * gpu.xccs);
      nodes_[queue.gpu]->gpu->move_save_area(queue.hardware);
    }
  }
  co_await Delay(timeline_, copy);
  for (const auto& node : nodes_) {
    node->gpu->phases().call_leaves(DriverPhase::kCopy, timeline_.now());
  }
  call.book(DriverPhase::kCopy, timeline_.now());
}

}  // namespace gpreempt::sim
