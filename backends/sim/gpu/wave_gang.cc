// What `WaveDispatcher` does for a queue that is one rank of a gang.
#include <cstdint>
#include <optional>

#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::sim {

/// To be called wherever workgroups of the queue came or went.
void WaveDispatcher::update_meeting(QueueIndex index) {
  Queue& queue = queues_[index];
  const bool on =
      queue.begun && queue.run().collective && queue.resident == queue.run().shape.workgroups;
  if (on != queue.meeting) {
    queue.meeting = on;
    listener_.meeting(index, on);
  }
}

void WaveDispatcher::end_meeting(QueueIndex index) {
  Queue& queue = queues_[index];
  GPREEMPT_CHECK(queue.meeting);
  queue.meeting = false;
  release_cohorts(queue);
  next_kernel(index);
  ask_dispatch();
}

std::optional<WaveDispatcher::Solo> WaveDispatcher::solo(QueueIndex index) const {
  if (!alone_ || alone_->queue != index) {
    return std::nullopt;
  }
  return Solo{.plan = &queues_[index].plan(),
              .since = alone_->since,
              .elapsed = alone_->elapsed,
              .endless = queues_[index].jobs.front().endless};
}

void WaveDispatcher::lock(QueueIndex index) {
  GPREEMPT_CHECK(alone_ && alone_->queue == index && !alone_->locked);
  timeline_.cancel(alone_->end);
  alone_->end = 0;
  alone_->locked = true;
  alone_->until =
      queues_[index].jobs.front().endless ? Duration::max() : queues_[index].plan().total();
}

void WaveDispatcher::unlock(QueueIndex index) {
  GPREEMPT_CHECK(alone_ && alone_->queue == index && alone_->locked);
  alone_->locked = false;
  const TrainPlan& plan = queues_[index].plan();
  const Duration position = alone_->elapsed + (timeline_.now() - alone_->since);
  const std::int64_t laps = position / plan.total();
  const Duration inside = position % plan.total();
  const bool endless = queues_[index].jobs.front().endless;
  // At the very end, too, it is in its last kernel.
  const bool ended = inside == Duration::zero() && laps > 0 && !endless;
  if (plan.run((ended ? plan.locate(plan.total() - Duration(1)) : plan.locate(inside)).run)
          .collective) {
    stop_alone();
    return;
  }
  const Duration ahead = ended ? plan.total() : plan.alone_until(inside, endless);
  alone_->until = ended ? ahead : laps * plan.total() + ahead;
  schedule_end();
}

}  // namespace gpreempt::sim
