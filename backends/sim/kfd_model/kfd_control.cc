// SUSPEND_QUEUES and RESUME_QUEUES.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/phase_clock.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/kfd_state.h"
#include "backends/sim/task.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/random.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {

void KfdModel::suspend_array(Caller caller, Pid target, IdArray array,
                             std::optional<Duration> grace, IdsReply reply) {
  tasks_.start(
      control({.kind = ControlKind::kSuspend,
               .caller = caller,
               .target = target,
               .grace = GPREEMPT_MUTANT("grace-ignored") ? parameters(0).t_grace
                                                         : grace.value_or(parameters(0).t_grace),
               .fault = array.fault},
              std::move(array.ids), std::move(reply)));
}

void KfdModel::resume_array(Caller caller, Pid target, IdArray array, IdsReply reply) {
  // RESUME names no grace period: the register keeps the driver's default.
  tasks_.start(control({.kind = ControlKind::kResume,
                        .caller = caller,
                        .target = target,
                        .grace = parameters(0).t_grace,
                        .fault = array.fault},
                       std::move(array.ids), std::move(reply)));
}

Task KfdModel::control(Request request, std::vector<std::uint32_t> ids, IdsReply reply) {
  CallRecord call;
  call.call.target = request.target;
  call.call.kind = request.kind;
  co_await enter(find(request.target), call);
  long error = check(request.caller, request.target, Gate::kRuntime);
  if (error == 0) {
    error = ids.size() > kMaxIds ? -EINVAL : request.fault;
  }
  if (error != 0 || ids.empty()) {
    reply(error, ids);
    co_return;
  }
  Process& process = *find(request.target);
  co_await process.mutex.acquire();
  call.book(DriverPhase::kLock, timeline_.now());
  // The session may have ended while this call waited, with its target or by its debugger's death.
  error = process.alive ? check(request.caller, request.target, Gate::kRuntime) : -ESRCH;
  if (error != 0) {
    process.mutex.release();
    reply(error, ids);
    co_return;
  }
  for (std::uint32_t& id : ids) {
    id |= kQueueInvalid;
  }
  for (const Device& device : process.devices) {
    co_await control_gpu(process,
                         (device.gpu + (GPREEMPT_MUTANT("gpu-order-off-by-one") ? 1 : 0)) % gpus(),
                         request.grace, ids, call);
  }
  const auto count =
      std::ranges::count_if(ids, [](std::uint32_t id) { return outcome_of(id) == Outcome::kOk; });
  if (request.kind == ControlKind::kSuspend && count > 0) {
    co_await copy_headers(process, call);
  }
  process.mutex.release();
  call.call.done = timeline_.now();
  call.call.tells_phases = true;
  calls_.push_back(call.call);
  reply(static_cast<long>(count), ids);
}

/// suspend_single_queue, resume_single_queue: whether the queue is now as the call wants it.
bool KfdModel::mark(Queue& queue, ControlKind kind) {
  if (kind == ControlKind::kResume) {
    set_suspended(queue, false);
    queue.is_held = false;
    queue.is_evicted = queue.is_evicted && !GPREEMPT_MUTANT("resume-ends-eviction");
    return true;
  }
  const bool is_new = !GPREEMPT_MUTANT("new-gate-gone") && (queue.exceptions & kQueueNew) != 0;
  if (!queue.is_suspended &&
      (is_new || (queue.is_being_destroyed && !GPREEMPT_MUTANT("dying-queue-suspended")))) {
    return false;
  }
  set_suspended(queue, true);
  return true;
}

void KfdModel::set_suspended(Queue& queue, bool suspended) {
  if (suspended && !queue.is_suspended) {
    queue.suspended_since = timeline_.now();
  } else if (!suspended && queue.is_suspended) {
    longest_suspension_ = std::max(longest_suspension_, timeline_.now() - queue.suspended_since);
  }
  queue.is_suspended = suspended;
}

DriverAudit KfdModel::audit() const {
  DriverAudit audit{.longest_suspension = longest_suspension_, .longest_destroy = longest_destroy_};
  for (const auto& [pid, process] : processes_) {
    for (const auto& [id, queue] : process->queues) {
      if (process->alive && queue.is_suspended) {
        ++audit.suspended;
        audit.longest_suspension =
            std::max(audit.longest_suspension, timeline_.now() - queue.suspended_since);
      }
    }
  }
  return audit;
}

/// One GPU of a call: marks the queues named, then one unmap and map for all of them.
Task KfdModel::control_gpu(Process& process, std::uint32_t gpu, Duration grace,
                           std::vector<std::uint32_t>& ids, CallRecord& call) {
  Node& node = *nodes_[gpu];
  co_await lock(node, call);
  std::vector<std::uint32_t*> named;  // where the driver finds an id of this GPU first
  bool any = false;
  for (Queue* queue : process.queues_on(gpu)) {
    // Only bit 31 is stripped before comparing: an id with a stale bit 30 matches nothing.
    const auto found = std::ranges::find(ids, queue->id, [](std::uint32_t id) {
      return id &
             ~(GPREEMPT_MUTANT("error-bit-stripped") ? kQueueInvalid | kQueueError : kQueueInvalid);
    });
    if (found == ids.end()) {
      continue;
    }
    named.push_back(&*found);
    if (mark(*queue, call.call.kind)) {
      *found = queue->id;
      any = true;
    }
  }
  if (any || GPREEMPT_MUTANT("unknown-ids-unmap")) {
    co_await refresh(gpu, grace, process.pid, call);
    settle(process, gpu, named, call);
  }
  node.dqm_lock.release();
}

/// After the hardware step of a call on one GPU.
void KfdModel::settle(Process& process, std::uint32_t gpu, const std::vector<std::uint32_t*>& named,
                      const CallRecord& call) {
  if (call.error != 0) {
    for (std::uint32_t* id : named) {
      bool& is_suspended = process.queue(*id & ~kQueueInvalid)->is_suspended;
      is_suspended = is_suspended && !GPREEMPT_MUTANT("rollback-on-error");
      *id |= kQueueError;  // on new ones too; and what was marked stays marked
    }
  } else if (call.call.kind == ControlKind::kResume) {
    for (Queue* queue : process.queues_on(gpu)) {
      if (!queue->is_suspended && !GPREEMPT_MUTANT("resume-wakes-no-destroyer")) {
        queue->wake_destroyers(true);
      }
    }
  }
}

/// Drawn for the queue's own name: what other queues are touched before it changes nothing.
bool KfdModel::stays_in_system_memory(Pid pid, std::uint32_t queue,
                                      const GpuParameters& gpu) const {
  const std::string purpose =
      fmt::format("save-area placement of queue {} of process {}", queue, pid.value());
  return RandomStream(seed_, purpose).uniform() < gpu.area_moves;
}

/// The work item that copies context headers of *all* queues of the process. The CPU's first touch
/// of a save area moves it to system memory, where it may stay. Moving a range that the GPU has
/// mapped evicts the process first (svm_range_evict), and its restore comes later by itself.
Task KfdModel::copy_headers(Process& process, CallRecord& call) {
  for (const Device& device : process.devices) {
    nodes_[device.gpu]->gpu->phases().call_enters(DriverPhase::kCopy, timeline_.now());
  }
  Duration copy = parameters(0).t_copyctx;
  Duration moving{};
  bool moves = false;
  for (auto& [id, queue] : process.queues) {
    const GpuParameters& gpu = parameters(queue.gpu);
    if (queue.type != QueueType::kCompute) {
      continue;
    }
    copy += gpu.xccs * gpu.t_copyctx_entry;
    if (std::exchange(queue.headers_copied, true) && !GPREEMPT_MUTANT("headers-always-new")) {
      continue;
    }
    call.call.first_of_process = true;
    if (stays_in_system_memory(process.pid, id, gpu)) {
      moves = true;
      moving += move_time(gpu, gpu.cwsr_area_bytes * gpu.xccs);
      nodes_[queue.gpu]->gpu->move_save_area(queue.hardware);
    }
  }
  if (moves) {
    co_await evict_for_move(process, moving);
  }
  co_await Delay(timeline_, copy + moving);
  for (const Device& device : process.devices) {
    nodes_[device.gpu]->gpu->phases().call_leaves(DriverPhase::kCopy, timeline_.now());
  }
  call.book(DriverPhase::kCopy, timeline_.now());
}

}  // namespace gpreempt::sim
