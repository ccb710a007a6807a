// Ioctls that amdkfd does not have: what taking single queues off the hardware could buy.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/kfd_state.h"
#include "backends/sim/task.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {

void KfdModel::selective_unmap(Pid pid, std::vector<std::uint32_t> ids, IdsReply reply) {
  start_selective(pid, Selective::kUnmap, std::move(ids), std::move(reply));
}

void KfdModel::selective_map(Pid pid, std::vector<std::uint32_t> ids, IdsReply reply) {
  start_selective(pid, Selective::kMap, std::move(ids), std::move(reply));
}

void KfdModel::reset_queues(Pid pid, std::vector<std::uint32_t> ids, IdsReply reply) {
  start_selective(pid, Selective::kReset, std::move(ids), std::move(reply));
}

void KfdModel::start_selective(Pid pid, Selective what, std::vector<std::uint32_t> ids,
                               IdsReply reply) {
  ControlKind kind = ControlKind::kSelectiveUnmap;
  switch (what) {
    case Selective::kUnmap: break;
    case Selective::kMap: kind = ControlKind::kResume; break;
    case Selective::kReset: kind = ControlKind::kReset; break;
  }
  const auto shared = std::make_shared<std::vector<std::uint32_t>>(std::move(ids));
  tasks_.start(own_ioctl(
      pid, kind,
      [this, what, shared](Process& process, CallRecord& call, long& result) {
        return select(process, what, *shared, call, result);
      },
      [shared, reply = std::move(reply)](long result) { reply(result, *shared); }));
}

/// Marks the queues named, then takes those that were active off, or puts back those that now are,
/// GPU after GPU.
Task KfdModel::select(Process& process, Selective what, std::vector<std::uint32_t>& ids,
                      CallRecord& call, long& result) {
  for (std::uint32_t& id : ids) {
    id |= kQueueInvalid;
  }
  for (const Device& device : process.devices) {
    Node& node = *nodes_[device.gpu];
    co_await lock(node, call);
    std::vector<std::uint32_t*> named;
    std::vector<QueueIndex> changed;
    for (std::uint32_t& id : ids) {
      Queue* queue = process.queue(id & ~kQueueInvalid);
      if (queue == nullptr || queue->gpu != device.gpu || queue->is_being_destroyed ||
          std::ranges::count(ids, queue->id) > 0) {
        continue;
      }
      id = queue->id;
      named.push_back(&id);
      const bool was_active = queue->active();
      queue->is_held = what != Selective::kMap;
      if (queue->active() != was_active) {
        changed.push_back(queue->hardware);
      }
    }
    if (!changed.empty() && what == Selective::kMap) {
      co_await put_back(device.gpu, std::move(changed), process.pid, call);
    } else if (!changed.empty()) {
      co_await take_off(device.gpu, std::move(changed), what, process.pid, call);
    }
    for (std::uint32_t* id : named) {
      *id |= call.error != 0 ? kQueueError : 0;
    }
    call.error = 0;
    node.dqm_lock.release();
  }
  result = static_cast<long>(
      std::ranges::count_if(ids, [](std::uint32_t id) { return outcome_of(id) == Outcome::kOk; }));
}

Task KfdModel::take_off(std::uint32_t gpu, std::vector<QueueIndex> queues, Selective what,
                        Pid cause, CallRecord& call) {
  return unmap({.grace = Duration::zero(),
                .cause = cause.value(),
                .only = std::move(queues),
                .drop = what == Selective::kReset},
               gpu, call);
}

/// Whether the runlist, built now, would be one that is not chained. The last one may have left out
/// what is put back.
bool KfdModel::fits(std::uint32_t gpu) const {
  std::uint32_t cooperative = 0;
  for (Process* process : nodes_[gpu]->processes) {
    for (const Queue* queue : process->queues_on(gpu)) {
      cooperative += queue->active() && queue->cooperative ? 1U : 0U;
    }
  }
  return active_queues(gpu) <= parameters(gpu).hqd_slots && cooperative <= 1 &&
         processes(gpu) <= parameters(gpu).vmids;
}

/// Beside what is mapped. A runlist that is or becomes chained, or none, has to be built again.
Task KfdModel::put_back(std::uint32_t gpu, std::vector<QueueIndex> queues, Pid cause,
                        CallRecord& call) {
  Node& node = *nodes_[gpu];
  if (!node.runlist_active || node.gpu->is_oversubscribed() || !fits(gpu)) {
    co_await refresh(gpu, Duration::zero(), cause, call);
    co_return;
  }
  const auto entries = static_cast<std::int64_t>(queues.size());
  co_await Delay(timeline_, entries * parameters(gpu).t_build_entry);
  node.gpu->map_more(std::move(queues));
  call.book(DriverPhase::kMap, timeline_.now());
}

}  // namespace gpreempt::sim
