#include "backends/sim/kfd_model/kfd_model.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
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
#include "core/time.h"

namespace gpreempt::sim {

KfdModel::KfdModel(Timeline& timeline, const std::vector<Gpu*>& gpus, Personality personality,
                   std::uint64_t seed)
    : timeline_(timeline), personality_(personality), random_(seed, "save-area placement") {
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

void KfdModel::add_process(Pid pid) {
  auto process = std::make_unique<Process>();
  process->pid = pid;
  const bool added = processes_.emplace(pid, std::move(process)).second;
  GPREEMPT_CHECK(added);
}

bool KfdModel::alive(Pid pid) const { return find(pid) != nullptr; }

void KfdModel::exit_process(Pid pid) {
  if (Process* process = find(pid)) {
    process->alive = false;
    tasks_.start(end(*process));
  }
}

Task KfdModel::end(Process& process) {
  // Its own sessions end first (kfd_process_notifier_release_internal), its queues after.
  for (const auto& [pid, owned] : processes_) {
    Process& target = *owned;
    if (target.debugger == process.pid) {
      co_await target.mutex.acquire();
      if (target.debugger == process.pid) {
        co_await close_session(target);
      }
      target.mutex.release();
    }
    if (target.tracer.has_value() && target.tracer->process == process.pid) {
      target.tracer.reset();
    }
  }
  co_await process.mutex.acquire();
  process.debugger.reset();
  for (std::uint32_t gpu = 0; gpu < gpus(); ++gpu) {
    bool had = false;
    for (auto& [id, queue] : process.queues) {
      if (queue.gpu == gpu) {
        nodes_[gpu]->gpu->remove_queue(queue.hardware);
        had = true;
      }
    }
    std::erase_if(process.queues, [gpu](const auto& each) { return each.second.gpu == gpu; });
    if (had) {
      co_await locked_refresh(gpu, process.pid, parameters(gpu).t_grace);
    }
  }
  process.mutex.release();
}

void KfdModel::create_queue(Pid pid, const NewQueue& queue, Reply reply) {
  Process* process = find(pid);
  if (process == nullptr) {
    reply(-ESRCH);
    return;
  }
  tasks_.start(create(*process, queue, std::move(reply)));
}

Task KfdModel::create(Process& process, NewQueue request, Reply reply) {
  co_await Delay(timeline_, parameters(request.gpu).t_ioctl);
  co_await process.mutex.acquire();
  std::uint32_t id = 0;
  while (process.queues.contains(id)) {
    ++id;
  }
  if (!process.alive || id >= kMaxIds) {
    process.mutex.release();
    reply(process.alive ? -ENOMEM : -ESRCH);
    co_return;
  }
  Queue& queue = process.queues[id];
  queue.id = id;
  queue.gpu = request.gpu;
  queue.type = request.type;
  queue.ring_bytes = request.ring_bytes;
  queue.ring_base = next_ring_++ << 21U;
  queue.hardware =
      nodes_[request.gpu]->gpu->add_queue({.process = process.pid.value(),
                                           .priority = request.priority,
                                           .compute = request.type == QueueType::kCompute});
  co_await locked_refresh(request.gpu, process.pid, parameters(request.gpu).t_grace);
  raise(process, queue, kQueueNew);
  process.mutex.release();
  reply(static_cast<long>(id));
}

std::optional<QueueIndex> KfdModel::hardware_queue(Pid pid, std::uint32_t id) const {
  const Process* process = find(pid);
  if (process == nullptr || !process->queues.contains(id)) {
    return std::nullopt;
  }
  return process->queues.at(id).hardware;
}

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

std::uint32_t KfdModel::active_queues(std::uint32_t gpu) const {
  std::size_t count = 0;
  for (const RunlistProcess& process : runlist(gpu)) {
    count += process.queues.size();
  }
  return static_cast<std::uint32_t>(count);
}

std::uint32_t KfdModel::processes(std::uint32_t gpu) const {
  return static_cast<std::uint32_t>(
      std::count_if(processes_.begin(), processes_.end(),
                    [gpu](const auto& each) { return each.second->has_queue_on(gpu); }));
}

/// Newest process first, newest queue first; a process is on it as long as it has a queue.
Runlist KfdModel::runlist(std::uint32_t gpu) const {
  Runlist list;
  for (auto each = processes_.rbegin(); each != processes_.rend(); ++each) {
    const Process& process = *each->second;
    if (!process.has_queue_on(gpu)) {
      continue;
    }
    RunlistProcess& entry = list.emplace_back();
    entry.process = process.pid.value();
    for (auto queue = process.queues.rbegin(); queue != process.queues.rend(); ++queue) {
      if (queue->second.gpu == gpu && queue->second.active()) {
        entry.queues.push_back(queue->second.hardware);
      }
    }
  }
  return list;
}

// ---- permission and exceptions
// --------------------------------------------------------------------------

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

void KfdModel::raise(Process& process, Queue& queue, std::uint64_t exceptions) {
  queue.exceptions |= exceptions;
  if (process.debugger && (process.exception_mask & exceptions) != 0 && process.notify) {
    process.notify();
  }
}

long KfdModel::query_event(Caller caller, Pid target, std::uint64_t clear, DebugEvent& event) {
  if (const long error = check(caller, target, true, false); error != 0) {
    return error;
  }
  Process& process = *find(target);
  for (auto& [id, queue] : process.queues) {
    if ((queue.exceptions & process.exception_mask) != 0) {
      event = DebugEvent{.exceptions = queue.exceptions, .gpu = queue.gpu, .queue = id};
      queue.exceptions &= ~clear;
      return 0;
    }
  }
  if ((process.process_exceptions & process.exception_mask) != 0) {
    event = DebugEvent{.exceptions = process.process_exceptions};
    process.process_exceptions &= ~clear;
    return 0;
  }
  return -EAGAIN;
}

long KfdModel::send_runtime_event(Caller caller, Pid target, std::uint64_t mask) {
  static_cast<void>(mask);  // the runtime of a modelled process acts on no exception
  return check(caller, target, true, false);
}

long KfdModel::set_exceptions(Caller caller, Pid target, std::uint64_t mask) {
  if (const long error = check(caller, target, true, false); error != 0) {
    return error;
  }
  Process& process = *find(target);
  std::uint64_t pending = process.process_exceptions;
  for (const auto& [id, queue] : process.queues) {
    pending |= queue.exceptions;
  }
  process.exception_mask = mask;
  if ((pending & mask) != 0 && process.notify) {
    process.notify();
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
    for (std::uint32_t gpu = 0; gpu < gpus(); ++gpu) {
      co_await locked_refresh(gpu, process.pid, Duration::zero());  // debug_refresh_runlist
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

void KfdModel::snapshot(Caller caller, Pid target, std::uint64_t clear, std::size_t capacity,
                        SnapshotReply reply) {
  tasks_.start(do_snapshot(caller, target, clear, capacity, std::move(reply)));
}

Task KfdModel::do_snapshot(Caller caller, Pid target, std::uint64_t clear, std::size_t capacity,
                           SnapshotReply reply) {
  co_await Delay(timeline_, parameters(0).t_ioctl);
  std::vector<QueueEntry> entries;
  if (const long error = check(caller, target, true, false); error != 0) {
    reply(error, entries);
    co_return;
  }
  Process& process = *find(target);
  co_await process.mutex.acquire();
  for (auto each = process.queues.rbegin(); each != process.queues.rend(); ++each) {
    Queue& queue = each->second;
    const bool fits = entries.size() < capacity;
    entries.push_back(QueueEntry{.id = queue.id,
                                 .gpu = queue.gpu,
                                 .type = queue.type,
                                 .ring_bytes = queue.ring_bytes,
                                 .ring_base = queue.ring_base,
                                 .exceptions = queue.exceptions});
    queue.exceptions &= fits ? ~clear : ~std::uint64_t{0};
  }
  process.mutex.release();
  reply(0, entries);
}

}  // namespace gpreempt::sim
