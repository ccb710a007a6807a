// What `WaveDispatcher` saves, drops and counts, and the queue that has the GPU to itself.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "backends/sim/gpu/cu_pool.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

/// `time` x `times` / `parts`, rounded down. The product of two times of 3 s needs more than 63
/// bits.
Duration scaled(Duration time, std::int64_t times, std::int64_t parts) {
  __extension__ using Wide = __int128;
  return Duration(static_cast<std::int64_t>(Wide{to_ns(time)} * times / parts));
}

}  // namespace

Instant WaveDispatcher::drained_at(std::span<const QueueIndex> queues) {
  stop_alone();
  Instant last = timeline_.now();
  for (const QueueIndex index : queues) {
    for (const Cohort& cohort : queues_[index].cohorts) {
      last = std::max(last, cohort.end);
    }
  }
  return last;
}

WaveDispatcher::Freeze WaveDispatcher::freeze(std::span<const QueueIndex> queues) {
  stop_alone();
  Freeze result;
  const std::uint32_t per_xcc = pool_.cus_per_xcc();
  std::vector<std::uint64_t> cu_bytes(std::size_t{pool_.xccs()} * per_xcc);
  for (const QueueIndex index : queues) {
    Queue& queue = queues_[index];
    if (queue.cohorts.empty()) {
      continue;
    }
    const std::uint64_t workgroup_bytes = wave_state_bytes(gpu_, queue.run().shape, 1);
    result.queues.push_back(Frozen{
        .queue = index, .bytes = workgroup_bytes * queue.resident, .waves = resident_waves(index)});
    for (const Cohort& cohort : queue.cohorts) {
      Saved saved{.counts = {}, .left = cohort.end - timeline_.now(), .length = cohort.length};
      for (std::uint32_t cu = 0; cu < cu_bytes.size(); ++cu) {
        const std::uint32_t count = cohort.on.on_cu(cu / per_xcc, cu % per_xcc);
        saved.counts.at(cu / per_xcc) +=
            GPREEMPT_MUTANT("one-xcc-not-restored") && cu < per_xcc ? 0 : count;
        cu_bytes[cu] += workgroup_bytes * count;
      }
      queue.saved.push_back(saved);
    }
    queue.waiting += queue.resident;
    vacate(queue);  // an earlier save that was cut short
    queue.leaving_footprint = queue.run().footprint;
    for (const Cohort& cohort : queue.cohorts) {
      timeline_.cancel(cohort.event);
      leaving_ += cohort.total;
    }
    queue.leaving = std::exchange(queue.cohorts, {});
    resident_ -= std::exchange(queue.resident, 0);
    update_meeting(index);
  }
  for (std::uint32_t xcc = 0; xcc < pool_.xccs(); ++xcc) {
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < per_xcc; ++i) {
      bytes += cu_bytes[std::size_t{xcc} * per_xcc + i];
      result.cu_bytes = std::max(result.cu_bytes, cu_bytes[std::size_t{xcc} * per_xcc + i]);
    }
    result.xcc_bytes = std::max(result.xcc_bytes, bytes);
  }
  return result;
}

void WaveDispatcher::vacate(std::span<const QueueIndex> queues) {
  for (const QueueIndex index : queues) {
    vacate(queues_[index]);
  }
  ask_dispatch();
}

void WaveDispatcher::vacate(Queue& queue) {
  for (Cohort& cohort : std::exchange(queue.leaving, {})) {
    leaving_ -= cohort.total;
    pool_.give_back(queue.leaving_footprint, cohort.on);
    recycle(std::move(cohort));
  }
}

void WaveDispatcher::drop(QueueIndex index) {
  stop_alone();
  Queue& queue = queues_[index];
  release_cohorts(queue);
  update_meeting(index);
  queue.saved.clear();
  queue.pending = {};
  queue.waiting = 0;
  if (!queue.jobs.empty()) {
    begin_kernel(index);
  }
  ask_dispatch();
}

void WaveDispatcher::abandon(QueueIndex index) {
  stop_alone();
  Queue& queue = queues_[index];
  release_cohorts(queue);
  vacate(queue);
  update_meeting(index);
  queue.jobs.clear();
  queue.saved.clear();
  queue.pending = {};
  queue.waiting = 0;
  queue.begun = false;
  std::erase(busy_, index);
  ask_dispatch();
}

std::uint32_t WaveDispatcher::resident_waves(QueueIndex index) const {
  const Queue& queue = queues_[index];
  return queue.resident == 0 ? 0 : queue.resident * queue.run().shape.waves;
}

std::uint64_t WaveDispatcher::saved_bytes(QueueIndex index) const {
  const Queue& queue = queues_[index];
  std::uint64_t workgroups = 0;
  for (const Saved& saved : queue.saved) {
    for (const std::uint32_t count : saved.counts) {
      workgroups += count;
    }
  }
  return workgroups == 0 ? 0 : wave_state_bytes(gpu_, queue.run().shape, workgroups);
}

void WaveDispatcher::add_saved(QueueIndex index, SavedByXcc& sum) const {
  const Queue& queue = queues_[index];
  for (const Saved& saved : queue.saved) {
    for (std::size_t xcc = 0; xcc < saved.counts.size(); ++xcc) {
      sum.waves.at(xcc) += saved.counts.at(xcc) * queue.run().shape.waves;
      sum.bytes.at(xcc) += wave_state_bytes(gpu_, queue.run().shape, saved.counts.at(xcc));
    }
  }
}

// ---- a queue that has the GPU to itself
// -----------------------------------------------------------------

std::optional<QueueIndex> WaveDispatcher::only_queue() const {
  if (leaving_ > 0) {
    return std::nullopt;
  }
  std::optional<QueueIndex> only;
  for (const QueueIndex index : busy_) {
    const Queue& queue = queues_[index];
    if (queue.resident > 0) {
      return std::nullopt;
    }
    if (queue.enabled && (queue.begun || queue.waiting > 0)) {
      if (only || !queue.fresh() || queue.gate || queue.allowed != pool_.all() ||
          queue.run().collective) {
        return std::nullopt;
      }
      only = index;
    }
  }
  return only;
}

void WaveDispatcher::start_alone(QueueIndex index) {
  Queue& queue = queues_[index];
  const TrainPlan& plan = queue.plan();
  const Duration elapsed = plan.elapsed(queue.at);
  alone_ = Alone{.queue = index,
                 .since = timeline_.now(),
                 .elapsed = elapsed,
                 .until = plan.alone_until(elapsed, queue.jobs.front().endless)};
  queue.pending = {};  // until its position is made explicit
  queue.waiting = 0;
  schedule_end();
  if (!std::exchange(queue.started, true)) {
    listener_.first_wave(index, queue.jobs.front().tag);
  }
  if (plan.has_collectives()) {
    listener_.went_alone(index);
  }
}

void WaveDispatcher::end_alone(QueueIndex index) {
  GPREEMPT_CHECK(alone_.has_value());
  const Alone alone = *alone_;
  alone_.reset();
  Queue& queue = queues_[index];
  if (queue.jobs.front().endless || alone.until < queue.plan().total()) {
    move_to(alone, alone.until);  // a collective is next
    begin_kernel(index);
    ask_dispatch();
    return;
  }
  queue.done.work += queue.plan().total() - queue.plan().elapsed(queue.at);
  queue.done.kernels += queue.plan().kernels() - queue.plan().kernels_before(queue.at);
  queue.begun_at = timeline_.now() - queue.plan().last_kernel();
  finish_job(index);
  ask_dispatch();
}

void WaveDispatcher::schedule_end() {
  GPREEMPT_CHECK(alone_.has_value());
  if (alone_->until != Duration::max()) {
    const QueueIndex index = alone_->queue;
    const Duration passed = alone_->elapsed + (timeline_.now() - alone_->since);
    alone_->end = timeline_.after(
        alone_->until - passed, [this, index] { end_alone(index); }, Timeline::kCompletion);
  }
}

Duration WaveDispatcher::move_to(const Alone& alone, Duration position) {
  Queue& queue = queues_[alone.queue];
  const TrainPlan& plan = queue.plan();
  const std::int64_t laps = position / plan.total();
  const TrainPlan::Position now = plan.locate(position % plan.total());
  const TrainPlan::Position kernel{.run = now.run, .index = now.index, .offset = {}};
  queue.done.work += laps * plan.total() + plan.elapsed(kernel) - plan.elapsed(queue.at);
  queue.done.kernels += static_cast<std::uint64_t>(laps) * plan.kernels() +
                        plan.kernels_before(kernel) - plan.kernels_before(queue.at);
  queue.at = kernel;
  return now.offset;
}

void WaveDispatcher::stop_alone() {
  if (!alone_) {
    return;
  }
  const Alone alone = *alone_;
  alone_.reset();
  timeline_.cancel(alone.end);
  if (alone.locked) {
    listener_.lock_broken(alone.queue);
  }
  Queue& queue = queues_[alone.queue];
  const Duration position = alone.elapsed + (timeline_.now() - alone.since);
  // At the very end of a train that does not repeat, its last round is placed with nothing left to
  // do.
  const bool ended = position == queue.plan().total() && !queue.jobs.front().endless;
  const Duration last{ended ? 1 : 0};
  const Duration offset = move_to(alone, position - last);
  queue.begun_at = timeline_.now() - offset;
  queue.placed = true;
  const TrainPlan::Run& run = queue.run();
  const auto round = static_cast<std::uint32_t>(offset / run.workgroup);
  const Duration left = run.workgroup - offset % run.workgroup - last;
  for (std::uint32_t xcc = 0; xcc < pool_.xccs(); ++xcc) {
    const std::uint32_t before = run.placed_before(xcc, round);
    const std::uint32_t resident = run.placed_before(xcc, round + 1) - before;
    queue.pending.at(xcc) = run.share.at(xcc) - before - resident;
    queue.waiting += queue.pending.at(xcc) + resident;
    if (resident > 0) {
      const std::uint32_t placed = put(alone.queue, xcc, resident, left, run.workgroup);
      GPREEMPT_CHECK(placed == resident);
    }
  }
  update_meeting(alone.queue);
  ask_dispatch();
}

// ---- accounting
// -----------------------------------------------------------------------------------------

/// What a workgroup has done that needs `left` of `length`, as time it would take alone.
Duration WaveDispatcher::done_of(const TrainPlan::Run& run, Duration left, Duration length) {
  return length == run.workgroup ? length - left
                                 : scaled(run.workgroup, to_ns(length - left), to_ns(length));
}

Duration WaveDispatcher::work_of(const TrainPlan::Run& run, Duration spent) {
  // `spent` is summed over workgroups; a kernel's work is its time alone, rounds times one
  // workgroup's.
  return scaled(spent, run.rounds, run.shape.workgroups);
}

Duration WaveDispatcher::work_under_way(const Queue& queue) const {
  if (!queue.begun || queue.run().collective) {
    return {};  // of a collective nothing is done before all of it is
  }
  const TrainPlan::Run& run = queue.run();
  Duration spent = (run.shape.workgroups - queue.waiting - queue.resident) * run.workgroup;
  for (const Cohort& cohort : queue.cohorts) {
    spent += cohort.total * done_of(run, cohort.end - timeline_.now(), cohort.length);
  }
  for (const Saved& saved : queue.saved) {
    for (const std::uint32_t count : saved.counts) {
      spent += count * done_of(run, saved.left, saved.length);
    }
  }
  // Saved workgroups are among those that wait, with their time so far.
  return work_of(run, spent);
}

/// Of a kernel that runs alone, `offset` into it.
Duration WaveDispatcher::work_of_round(const TrainPlan::Run& run, Duration offset) const {
  if (run.collective) {
    return {};
  }
  const auto round = static_cast<std::uint32_t>(offset / run.workgroup);
  std::int64_t before = 0;
  std::int64_t resident = 0;
  for (std::uint32_t xcc = 0; xcc < pool_.xccs(); ++xcc) {
    before += run.placed_before(xcc, round);
    resident += run.placed_before(xcc, round + 1) - run.placed_before(xcc, round);
  }
  return work_of(run, before * run.workgroup + resident * (offset % run.workgroup));
}

WaveDispatcher::Progress WaveDispatcher::progress(QueueIndex index) const {
  const Queue& queue = queues_[index];
  Progress result = queue.done;
  if (queue.jobs.empty()) {
    return result;
  }
  if (!alone_ || alone_->queue != index) {
    result.work += work_under_way(queue);
    return result;
  }
  // Where the train is, without disturbing it.
  const TrainPlan& plan = queue.plan();
  const Duration position = alone_->elapsed + (timeline_.now() - alone_->since);
  const std::int64_t laps = position / plan.total();
  const TrainPlan::Position now = plan.locate(position % plan.total());
  result.work += laps * plan.total() - alone_->elapsed +
                 plan.elapsed({.run = now.run, .index = now.index, .offset = {}}) +
                 work_of_round(plan.run(now.run), now.offset);
  result.kernels += static_cast<std::uint64_t>(laps) * plan.kernels() + plan.kernels_before(now) -
                    plan.kernels_before(queue.at);
  return result;
}

}  // namespace gpreempt::sim
