// What becomes of a GPU's queues, told to whoever listens.
#include <cstdint>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "core/mutant.h"
#include "core/occupancy.h"
#include "core/time.h"

namespace gpreempt::sim {

bool Gpu::is_bystander(const Queue& queue) {
  return queue.off_for &&
         (*queue.off_for != queue.process || GPREEMPT_MUTANT("target-is-bystander")) &&
         !GPREEMPT_MUTANT("bystander-not-charged");
}

Duration Gpu::bystander(QueueIndex queue) const {
  const Queue& each = queues_[queue];
  return each.bystander +
         (is_bystander(each) ? timeline_.now() - each.off_since : Duration::zero());
}

void Gpu::charge_bystander(Queue& queue) {
  if (is_bystander(queue)) {
    queue.bystander += timeline_.now() - queue.off_since;
  }
  queue.off_for.reset();
}

Occupancy Gpu::occupancy(QueueIndex queue) const {
  const Queue& each = queues_[queue];
  if (!each.present) {
    return Occupancy::kGone;
  }
  if (is_bystander(each)) {
    return Occupancy::kBystander;
  }
  if (each.mapped) {
    return Occupancy::kRunning;
  }
  return is_oversubscribed() && !each.taken_off ? Occupancy::kWaiting : Occupancy::kSuspended;
}

void Gpu::tell(QueueIndex queue, Occupancy state, std::uint32_t waves) {
  if (occupancy_ != nullptr) {
    occupancy_->turned(queue, state, waves);
  }
}

void Gpu::tell_unless_bystander(const std::vector<QueueIndex>& queues, Occupancy state) {
  if (occupancy_ == nullptr) {
    return;
  }
  for (const QueueIndex queue : queues) {
    if (queues_[queue].present && !is_bystander(queues_[queue])) {
      tell(queue, state);
    }
  }
}

void Gpu::tell_of_leaving(const std::vector<QueueIndex>& queues) {
  if (occupancy_ == nullptr) {
    return;
  }
  for (const QueueIndex queue : queues) {
    tell(queue, is_bystander(queues_[queue]) ? Occupancy::kBystander : Occupancy::kUnmapping,
         waves_.resident_waves(queue));
  }
}

void Gpu::tell_of_saving(const WaveDispatcher::Freeze& frozen) {
  if (occupancy_ == nullptr) {
    return;
  }
  for (const WaveDispatcher::Frozen& each : frozen.queues) {
    if (!is_bystander(queues_[each.queue])) {
      tell(each.queue, Occupancy::kSaving, each.waves);
    }
  }
}

void Gpu::tell_of_return(QueueIndex queue) {
  if (occupancy_ == nullptr) {
    return;
  }
  WaveDispatcher::SavedByXcc saved;
  waves_.add_saved(queue, saved);
  std::uint32_t waves = 0;
  for (const auto on_xcc : saved.waves) {
    waves += static_cast<std::uint32_t>(on_xcc);
  }
  tell(queue, Occupancy::kRunning, waves);
}

}  // namespace gpreempt::sim
