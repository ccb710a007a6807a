// What a process does with its own queues: CREATE, DESTROY, UPDATE_QUEUE, SET_CU_MASK.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/kfd_state.h"
#include "backends/sim/reply.h"
#include "backends/sim/task.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

constexpr std::uint32_t kMaxPercentage = 100;
constexpr std::uint32_t kMaxPriority = 15;
constexpr std::size_t kQueuesPerDevice = 255;  // of a process; kfd_process_queue_manager.c, 9.4.3
constexpr std::size_t kQueuesPerGpu = 4096;    // max_num_of_queues_per_device
constexpr std::size_t kSdmaQueues = 16;        // 2 engines of 8 queues; sysfs of an MI308X

}  // namespace

// ---- CREATE_QUEUE
// ------------------------------------------------------------------------------------------

void KfdModel::create_queue(Pid pid, const NewQueue& queue, Reply reply) {
  tasks_.start(own_ioctl(
      pid, std::nullopt,
      [this, queue](Process& process, CallRecord& call, long& result) {
        return create(process, queue, call, result);
      },
      std::move(reply)));
}

/// 0, or why the driver has no room for another queue.
long KfdModel::room_for(const Process& process, const NewQueue& request) const {
  std::size_t of_process = 0;
  std::size_t of_gpu = 0;
  std::size_t sdma = 0;
  for (const Process* each : nodes_[request.gpu]->processes) {
    for (const auto& [id, queue] : each->queues) {
      if (queue.gpu == request.gpu) {
        ++of_gpu;
        of_process += each == &process ? 1U : 0U;
        sdma += queue.type == QueueType::kSdma ? 1U : 0U;
      }
    }
  }
  if (of_process >= kQueuesPerDevice) {
    return -ENOSPC;
  }
  if (of_gpu >= kQueuesPerGpu) {
    return -EPERM;
  }
  return request.type == QueueType::kSdma && sdma >= kSdmaQueues ? -ENOMEM : 0;
}

/// Source: allocate_doorbell of kfd_device_queue_manager.c: SDMA queues have fixed ones elsewhere.
std::uint32_t KfdModel::free_doorbell(const Process& process, const NewQueue& request) {
  std::uint32_t doorbell = 0;
  const auto is_taken = [&](const auto& entry) {
    const Queue& queue = entry.second;
    return queue.gpu == request.gpu && queue.type == QueueType::kCompute &&
           queue.doorbell == doorbell;
  };
  while (std::ranges::any_of(process.queues, is_taken)) {
    ++doorbell;
  }
  return doorbell;
}

/// Source: find_available_queue_slot of kfd_process_queue_manager.c; of the patched build ids that
/// were printed by it: 924 for pid 4140775.
std::uint32_t KfdModel::free_id(const Process& process) const {
  constexpr std::uint32_t kPids = 256;
  constexpr std::uint32_t kIdsEach = 4;
  const auto next_free = [&](std::uint32_t id) {
    while (process.queues.contains(id)) {
      ++id;
    }
    return id;
  };
  if (!personality_.ids_from_pid) {
    return next_free(
        GPREEMPT_MUTANT("queue-id-not-lowest") ? static_cast<std::uint32_t>(next_serial_) : 0);
  }
  const std::uint32_t first = static_cast<std::uint32_t>(process.pid.value()) % kPids * kIdsEach;
  const std::uint32_t id = next_free(GPREEMPT_MUTANT("pid-ids-from-zero") ? 0 : first);
  return id < kMaxIds ? id : next_free(0);
}

Task KfdModel::create(Process& process, NewQueue request, CallRecord& call, long& result) {
  const Device* device = process.device(request.gpu);
  if (device == nullptr || request.priority > kMaxPriority) {
    result = -EINVAL;
    co_return;
  }
  const std::uint32_t id = free_id(process);
  result = id >= kMaxIds ? -ENOMEM : room_for(process, request);
  if (result != 0) {
    co_return;
  }
  Node& node = *nodes_[request.gpu];
  co_await lock(node, call);
  if (std::ranges::count(node.processes, &process) == 0) {
    node.processes.insert(node.processes.begin(), &process);
  }
  const std::uint32_t doorbell = free_doorbell(process, request);
  Queue& queue = process.queues[id];
  queue.id = id;
  queue.doorbell = doorbell;
  queue.gpu = request.gpu;
  queue.type = request.type;
  queue.ring_bytes = request.ring_bytes;
  queue.serial = next_serial_++;
  queue.priority = request.priority;
  queue.cooperative = request.cooperative;
  queue.hardware = node.gpu->add_queue({.process = process.pid.value(),
                                        .priority = request.priority,
                                        .compute = request.type == QueueType::kCompute,
                                        .cooperative = request.cooperative});
  queue.is_evicted = device->evicted > 0;
  if (on_queues_) {
    on_queues_(process.pid);
  }
  if (queue.active()) {
    co_await refresh(request.gpu, parameters(request.gpu).t_grace, process.pid, call);
  }
  result = call.error;
  if (result == 0) {
    raise(process, queue.exceptions, GPREEMPT_MUTANT("queue-not-new") ? 0 : kQueueNew);
    result = static_cast<long>(id);
  } else {
    remove(process, id);
  }
  node.dqm_lock.release();
}

// ---- DESTROY_QUEUE
// -----------------------------------------------------------------------------------------

void KfdModel::destroy_queue(Pid pid, std::uint32_t id, Reply reply) {
  tasks_.start(own_ioctl(
      pid, std::nullopt,
      [this, id](Process& process, CallRecord& call, long& result) {
        return destroy(process, id, call, result);
      },
      std::move(reply)));
}

Task KfdModel::destroy(Process& process, std::uint32_t id, CallRecord& call, long& result) {
  Queue* queue = process.queue(id);
  result = queue == nullptr ? -EINVAL : 0;
  if (queue != nullptr && queue->is_being_destroyed && personality_.second_destroy_is_busy) {
    result = -EBUSY;
  }
  if (result != 0) {
    co_return;
  }
  queue->is_being_destroyed = true;
  if (process.debug_enabled && queue->is_suspended && !GPREEMPT_MUTANT("destroy-does-not-wait")) {
    // wait_on_destroy_queue: without the mutex, so that the debugger can resume it.
    const std::uint64_t serial = queue->serial;
    const sim::Reply<bool> resumed;
    queue->destroyers.push_back(resumed.sink());
    process.mutex.release();
    const Instant begin = timeline_.now();
    const bool uninterrupted = co_await resumed;
    longest_destroy_ = std::max(longest_destroy_, timeline_.now() - begin);
    co_await process.mutex.acquire();
    call.book(DriverPhase::kLock, timeline_.now());
    queue = process.queue(id);
    if (!uninterrupted || queue == nullptr || queue->serial != serial) {
      result = uninterrupted ? -EINVAL : -EINTR;
      co_return;
    }
  }
  const std::uint32_t gpu = queue->gpu;
  Node& node = *nodes_[gpu];
  co_await lock(node, call);
  const bool was_active = queue->active();
  queue->is_gone = true;
  if (was_active) {
    co_await refresh(gpu, parameters(gpu).t_grace, process.pid, call);
  }
  result = call.error;  // the queue is gone all the same
  remove(process, id);
  node.dqm_lock.release();
}

/// Forgets a queue that is off the runlist, and with its last one the process' place on it.
void KfdModel::remove(Process& process, std::uint32_t id) {
  const Queue& queue = process.queues.at(id);
  Node& node = *nodes_[queue.gpu];
  const std::uint32_t gpu = queue.gpu;
  node.gpu->remove_queue(queue.hardware);
  process.queues.erase(id);
  if (on_queues_) {
    on_queues_(process.pid);
  }
  if (process.queues_on(gpu).empty()) {
    std::erase(node.processes, &process);
  }
}

// ---- UPDATE_QUEUE, SET_CU_MASK
// -----------------------------------------------------------------------------

void KfdModel::update_queue(Pid pid, std::uint32_t id, QueueUpdate update, Reply reply) {
  const ControlKind kind = update.percentage ? ControlKind::kPercentage : ControlKind::kPriority;
  tasks_.start(own_ioctl(
      pid, kind,
      [this, id, update](Process& process, CallRecord& call, long& result) {
        return change(process, Change{.id = id, .update = update, .mask = {}}, call, result);
      },
      std::move(reply)));
}

void KfdModel::set_cu_mask(Pid pid, std::uint32_t id, std::vector<std::uint32_t> words,
                           Reply reply) {
  tasks_.start(own_ioctl(
      pid, ControlKind::kCuMask,
      [this, id, words = std::move(words)](Process& process, CallRecord& call, long& result) {
        return change(process, Change{.id = id, .update = {}, .mask = words}, call, result);
      },
      std::move(reply)));
}

/// update_queue: the MQD may be written only while the queue is unmapped, and everything is.
Task KfdModel::change(Process& process, Change request, CallRecord& call, long& result) {
  const QueueUpdate& update = request.update;
  const bool masks = !update.percentage && !update.priority;
  if (update.percentage.value_or(0) > kMaxPercentage ||
      update.priority.value_or(0) > kMaxPriority || (masks && request.mask.empty())) {
    result = -EINVAL;
    co_return;
  }
  Queue* queue = process.queue(request.id);
  if (queue == nullptr) {
    result = -EFAULT;
    co_return;
  }
  const std::uint32_t gpu = queue->gpu;
  Node& node = *nodes_[gpu];
  co_await lock(node, call);
  co_await unmap(gpu, parameters(gpu).t_grace, process.pid, call);
  if (process.device(gpu)->has_reset_queue) {
    // The driver leaves here without mapping again.
    result = -EACCES;
  } else if (call.error != 0) {
    result = call.error;
  } else {
    apply(request, *queue);
    co_await map(gpu, call);
    result = call.error;
  }
  node.dqm_lock.release();
}

void KfdModel::apply(const Change& request, Queue& queue) {
  Gpu& gpu = *nodes_[queue.gpu]->gpu;
  queue.percentage = request.update.percentage.value_or(queue.percentage);
  if (request.update.priority) {
    queue.priority = *request.update.priority;
    gpu.set_priority(queue.hardware, queue.priority);
  }
  if (!request.mask.empty()) {
    gpu.set_cu_mask(queue.hardware, request.mask);
  }
}

std::optional<std::uint32_t> KfdModel::priority(Pid pid, std::uint32_t id) const {
  Process* process = find(pid);
  const Queue* queue = process == nullptr ? nullptr : process->queue(id);
  return queue == nullptr ? std::nullopt : std::optional(queue->priority);
}

}  // namespace gpreempt::sim
