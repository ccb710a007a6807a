#include "backends/sim/kfd_model/kfd_model.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/runlist.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/kfd_model/kfd_state.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/task.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::sim {

KfdModel::KfdModel(Timeline& timeline, const std::vector<Gpu*>& gpus, Personality personality,
                   std::uint64_t seed)
    : timeline_(timeline), personality_(personality), seed_(seed) {
  for (Gpu* gpu : gpus) {
    nodes_.push_back(std::make_unique<Node>());
    nodes_.back()->gpu = gpu;
  }
}

KfdModel::~KfdModel() { tasks_.clear(); }

const GpuParameters& KfdModel::parameters(std::uint32_t gpu) const {
  return nodes_[gpu]->gpu->parameters();
}

// ---- processes
// ------------------------------------------------------------------------------------------

KfdModel::Process* KfdModel::find(Pid pid) const {
  const auto found = processes_.find(pid);
  return found == processes_.end() || !found->second->alive ? nullptr : found->second.get();
}

void KfdModel::add_task(Pid pid) {
  auto process = std::make_unique<Process>();
  process->pid = pid;
  const bool added = processes_.emplace(pid, std::move(process)).second;
  GPREEMPT_CHECK(added);
}

void KfdModel::open_device(Pid pid, std::optional<std::vector<std::uint32_t>> visible) {
  Process* const process = find(pid);
  if (process == nullptr || std::exchange(process->is_open, true)) {
    return;
  }
  for (std::uint32_t gpu = 0; gpu < gpus(); ++gpu) {
    if (!visible || std::ranges::count(*visible, gpu) > 0) {
      process->devices.push_back(Device{.gpu = gpu});
    }
  }
}

void KfdModel::add_process(Pid pid, std::optional<std::vector<std::uint32_t>> visible) {
  add_task(pid);
  open_device(pid, std::move(visible));
  find(pid)->runtime.enabled = true;
}

std::vector<Pid> KfdModel::listed() const {
  std::vector<Pid> result;
  for (const auto& [pid, process] : processes_) {
    if (process->alive && process->is_open) {
      result.push_back(pid);
    }
  }
  return result;
}

bool KfdModel::is_listed(Pid pid) const {
  const Process* const process = find(pid);
  return process != nullptr && process->is_open;
}

bool KfdModel::alive(Pid pid) const { return find(pid) != nullptr; }

void KfdModel::exit_process(Pid pid) {
  if (Process* process = find(pid)) {
    process->alive = false;
    tasks_.start(end(*process, true));
  }
}

void KfdModel::exec_process(Pid pid) {
  if (find(pid) == nullptr) {
    return;
  }
  // The memory goes, and the driver's process with it (kfd_process_notifier_release); the task and
  // its tracer stay.
  std::unique_ptr<Process> old = std::exchange(processes_[pid], std::make_unique<Process>());
  Process& made = *processes_[pid];
  made.pid = pid;
  made.tracer = old->tracer;
  old->alive = false;
  forget_tracees(pid, false);
  replaced_.push_back(std::move(old));
  tasks_.start(end(*replaced_.back(), false));
}

void KfdModel::forget_tracees(Pid tracer, bool of_first_thread) {
  for (const auto& [pid, target] : processes_) {
    const std::optional<Caller> by = target->tracer;
    if (by && by->process == tracer && (of_first_thread || by->thread != tracer.value())) {
      target->tracer.reset();
    }
  }
}

Task KfdModel::end(Process& process, bool exits) {
  process.runtime_answered.interrupt();
  for (auto& [id, queue] : process.queues) {
    if (!GPREEMPT_MUTANT("killed-destroyer-waits")) {
      queue.wake_destroyers(false);
    }
  }
  // Its own sessions end first (kfd_process_notifier_release_internal), its queues after.
  for (const auto& [pid, owned] : processes_) {
    Process& target = *owned;
    if (process.sessions > 0 && target.debugger == &process &&
        !GPREEMPT_MUTANT("debugger-death-unnoticed")) {
      co_await target.mutex.acquire();
      if (target.debugger == &process && target.debug_enabled) {
        co_await close_session(target);
      }
      target.mutex.release();
    }
  }
  if (exits) {
    forget_tracees(process.pid, true);
  }
  co_await process.mutex.acquire();
  if (process.debug_enabled) {
    forget_session(process);
  }
  for (const Device& device : process.devices) {
    co_await terminate(process, device.gpu);
  }
  process.mutex.release();
}

/// process_termination_cpsch: one refresh, whether or not the process had queues there.
Task KfdModel::terminate(Process& process, std::uint32_t gpu) {
  Node& node = *nodes_[gpu];
  co_await node.dqm_lock.acquire();
  if (!GPREEMPT_MUTANT("exit-leaves-queues-mapped")) {
    std::erase(node.processes, &process);
  }
  CallRecord unrecorded;
  co_await refresh(gpu, parameters(gpu).t_grace, process.pid, unrecorded);
  for (const Queue* queue : process.queues_on(gpu)) {
    remove(process, queue->id);
  }
  node.dqm_lock.release();
}

std::optional<QueueIndex> KfdModel::hardware_queue(Pid pid, std::uint32_t id) const {
  const Process* process = find(pid);
  if (process == nullptr || !process->queues.contains(id)) {
    return std::nullopt;
  }
  return process->queues.at(id).hardware;
}

std::vector<KfdModel::ListedQueue> KfdModel::queues_of(Pid pid) const {
  std::vector<ListedQueue> result;
  const Process* process = find(pid);
  if (process == nullptr) {
    return result;
  }
  for (const auto& [id, queue] : process->queues) {
    result.push_back(describe(pid, queue));
  }
  std::ranges::sort(result, std::ranges::greater{}, &ListedQueue::serial);
  return result;
}

std::vector<std::uint32_t> KfdModel::queue_ids(Pid pid) const {
  std::vector<std::uint32_t> ids;
  if (const Process* const process = find(pid)) {
    std::ranges::transform(process->queues, std::back_inserter(ids),
                           [](const auto& entry) { return entry.first; });
  }
  return ids;
}

std::optional<KfdModel::ListedQueue> KfdModel::listed_queue(Pid pid, std::uint32_t id) const {
  const Process* const process = find(pid);
  if (process == nullptr) {
    return std::nullopt;
  }
  const auto queue = process->queues.find(id);
  return queue == process->queues.end() ? std::nullopt
                                        : std::optional(describe(pid, queue->second));
}

KfdModel::ListedQueue KfdModel::describe(Pid pid, const Queue& queue) {
  return {.process = pid,
          .id = queue.id,
          .gpu = queue.gpu,
          .type = queue.type,
          .ring_bytes = queue.ring_bytes,
          .serial = queue.serial,
          .priority = queue.priority,
          .hardware = queue.hardware,
          .doorbell = queue.doorbell,
          .is_active = queue.active()};
}

Runlist KfdModel::runlist(std::uint32_t gpu) const {
  return nodes_[gpu]->runlist_active ? nodes_[gpu]->runlist : Runlist{};
}

bool KfdModel::is_resetting(std::uint32_t gpu) const { return nodes_[gpu]->is_resetting; }

Duration KfdModel::bystander(Pid pid) const {
  const auto found = processes_.find(pid);
  Duration total{};
  if (found != processes_.end()) {
    for (const auto& [id, queue] : found->second->queues) {
      total += nodes_[queue.gpu]->gpu->bystander(queue.hardware);
    }
  }
  return total;
}

}  // namespace gpreempt::sim
