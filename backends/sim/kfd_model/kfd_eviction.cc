// kfd_process_evict_queues and kfd_process_restore_queues, and who calls them.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/kfd_state.h"
#include "backends/sim/task.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

// kfd_priv.h: PROCESS_RESTORE_TIME_MS, PROCESS_ACTIVE_TIME_MS. The back-off (100 ms) follows a
// restore that finds no memory, which is not modelled.
constexpr Duration kProcessRestoreTime = std::chrono::milliseconds(100);
constexpr Duration kProcessActiveTime = std::chrono::milliseconds(10);
// AMDGPU_SVM_RANGE_RESTORE_DELAY_MS, AMDGPU_USERPTR_RESTORE_DELAY_MS
constexpr Duration kRangeRestoreDelay = std::chrono::milliseconds(1);

}  // namespace

/// Takes a reference on each GPU of the process; the first one takes its queues off.
Task KfdModel::evict_queues(Process& process) {
  for (Device& device : process.devices) {
    Node& node = *nodes_[device.gpu];
    co_await node.dqm_lock.acquire();
    if (device.evicted++ == 0) {
      for (Queue* queue : process.queues_on(device.gpu)) {
        queue->is_evicted = true;
      }
      CallRecord unrecorded;
      co_await refresh(device.gpu, parameters(device.gpu).t_grace, process.pid, unrecorded);
    }
    node.dqm_lock.release();
  }
}

/// Gives it back; the last one lets queues run that nothing else holds.
Task KfdModel::restore_queues(Process& process) {
  for (Device& device : process.devices) {
    Node& node = *nodes_[device.gpu];
    co_await node.dqm_lock.acquire();
    const bool was_evicted = device.evicted > 0;
    device.evicted -= was_evicted ? 1 : 0;
    if (was_evicted && device.evicted == 0) {
      for (Queue* queue : process.queues_on(device.gpu)) {
        queue->is_evicted = false;
        queue->is_suspended = queue->is_suspended && !GPREEMPT_MUTANT("restore-ends-suspension");
      }
      CallRecord unrecorded;
      co_await refresh(device.gpu, parameters(device.gpu).t_grace, process.pid, unrecorded);
    }
    node.dqm_lock.release();
  }
}

void KfdModel::evict(Pid pid, Eviction cause) {
  Process* process = find(pid);
  if (process != nullptr &&
      !std::exchange(process->evicted_by.at(static_cast<std::size_t>(cause)), true)) {
    tasks_.start(evict_and_restore(*process, cause));
  }
}

Task KfdModel::evict_and_restore(Process& process, Eviction cause) {
  const bool ttm = cause == Eviction::kTtm;
  if (ttm && process.last_restore) {
    // kgd2kfd_schedule_evict_and_restore_process: lets it run for a while first.
    co_await Delay(timeline_, *process.last_restore + kProcessActiveTime - timeline_.now());
  }
  if (process.alive) {
    co_await evict_queues(process);
  }
  co_await restore_after(process, cause, ttm ? kProcessRestoreTime : kRangeRestoreDelay);
}

Task KfdModel::restore_after(Process& process, Eviction cause, Duration delay) {
  co_await Delay(timeline_, delay);
  if (process.alive) {
    if (cause == Eviction::kTtm) {
      process.last_restore = timeline_.now();
    }
    co_await restore_queues(process);
  }
  process.evicted_by.at(static_cast<std::size_t>(cause)) = false;
}

/// A shared range is about to move, which takes `moving` from the eviction on: whoever moves it
/// waits until the queues are off, not for their return. The restore is due 1 ms after the eviction
/// (svm_range_evict), but first takes the mutex of each range, which the migration holds
/// (svm_range_restore_work, svm_migrate_to_ram).
Task KfdModel::evict_for_move(Process& process, Duration moving) {
  bool& evicted = process.evicted_by.at(static_cast<std::size_t>(Eviction::kSvm));
  if (!std::exchange(evicted, true)) {
    co_await evict_queues(process);
    tasks_.start(restore_after(process, Eviction::kSvm, std::max(kRangeRestoreDelay, moving)));
  }
}

void KfdModel::criu_pause(Pid pid, bool paused, Reply reply) {
  tasks_.start(own_ioctl(
      pid, std::nullopt,
      [this, paused](Process& process, CallRecord& call, long& result) {
        return pause(process, paused, call, result);
      },
      std::move(reply)));
}

Task KfdModel::pause(Process& process, bool paused, CallRecord& call, long& result) {
  if (!paused && !process.queues_paused) {
    result = -EINVAL;
    co_return;
  }
  if (paused) {
    co_await evict_queues(process);
  } else {
    co_await restore_queues(process);
  }
  process.queues_paused = paused;
  call.book(DriverPhase::kUnmap, timeline_.now());
  result = 0;
}

std::uint32_t KfdModel::evictions(Pid pid, std::uint32_t gpu) const {
  Process* process = find(pid);
  const Device* device = process == nullptr ? nullptr : process->device(gpu);
  return device == nullptr ? 0 : device->evicted;
}

}  // namespace gpreempt::sim
