#include "backends/sim/gpu/wave_dispatcher.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

/// Source: pipe_priority_map, kfd_mqd_manager.c.
constexpr std::uint32_t pipe_priority_of(std::uint32_t level) {
  if (level >= 11) {
    return 2;
  }
  return level >= 7 ? 1 : 0;
}
constexpr std::uint32_t kPipePriorities = 3;

/// After the completions of an instant, before anything else of it.
constexpr std::int32_t kDispatch = Timeline::kCompletion + 1;

}  // namespace

WaveDispatcher::WaveDispatcher(Timeline& timeline, const GpuParameters& gpu, Listener& listener,
                               Options options)
    : timeline_(timeline),
      gpu_(gpu),
      listener_(listener),
      options_(options),
      room_{.waves = std::uint64_t{gpu.waves_per_cu} * gpu.cus(),
            .vgpr_bytes = gpu.vgpr_bytes_per_cu * gpu.cus(),
            .lds_bytes = gpu.lds_bytes_per_cu * gpu.cus()} {}

WaveDispatcher::~WaveDispatcher() {
  timeline_.cancel(dispatch_event_);
  if (alone_) {
    timeline_.cancel(alone_->end);
  }
  for (const Queue& queue : queues_) {
    for (const Cohort& cohort : queue.cohorts) {
      timeline_.cancel(cohort.event);
    }
  }
}

QueueIndex WaveDispatcher::add_queue(std::uint32_t priority) {
  queues_.emplace_back().pipe_priority = pipe_priority_of(priority);
  return static_cast<QueueIndex>(queues_.size() - 1);
}

void WaveDispatcher::remove_queue(QueueIndex index) {
  stop_alone();
  Queue& queue = queues_[index];
  for (const Cohort& cohort : queue.cohorts) {
    timeline_.cancel(cohort.event);
    give_back(queue.run(), cohort.count);
  }
  queue = Queue{};
  ask_dispatch();
}

void WaveDispatcher::submit(QueueIndex index, Job job) {
  Queue& queue = queues_[index];
  const bool idle = queue.jobs.empty();
  if (idle) {
    stop_alone();
  }
  queue.jobs.push_back(std::move(job));
  if (idle) {
    begin_job(queue);
    ask_dispatch();
  }
}

void WaveDispatcher::begin_job(Queue& queue) {
  queue.started = false;
  queue.at = {};
  begin_kernel(queue);
}

void WaveDispatcher::begin_kernel(Queue& queue) { queue.pending = queue.run().shape.workgroups; }

void WaveDispatcher::next_kernel(QueueIndex index) {
  Queue& queue = queues_[index];
  queue.done.work += queue.run().kernel;
  ++queue.done.kernels;
  if (queue.plan().advance(queue.at)) {
    begin_kernel(queue);
  } else if (queue.jobs.front().endless) {
    queue.at = {};
    begin_kernel(queue);
  } else {
    finish_job(index);
  }
}

void WaveDispatcher::finish_job(QueueIndex index) {
  Queue& queue = queues_[index];
  const std::uint64_t tag = queue.jobs.front().tag;
  queue.jobs.pop_front();
  if (!queue.jobs.empty()) {
    begin_job(queue);
  }
  listener_.job_done(index, tag);
}

// ---- placing workgroups
// ---------------------------------------------------------------------------------

void WaveDispatcher::enable(QueueIndex index) {
  stop_alone();
  queues_[index].enabled = true;
  ask_dispatch();
}

void WaveDispatcher::disable_all() {
  stop_alone();
  for (Queue& queue : queues_) {
    queue.enabled = false;
  }
}

void WaveDispatcher::ask_dispatch() {
  if (dispatch_event_ == 0) {
    dispatch_event_ = timeline_.at(
        timeline_.now(),
        [this] {
          dispatch_event_ = 0;
          dispatch();
        },
        kDispatch);
  }
}

void WaveDispatcher::dispatch() {
  if (alone_) {
    return;
  }
  if (options_.skip_ahead) {
    if (const std::optional<QueueIndex> only = only_queue()) {
      start_alone(*only);
      return;
    }
  }
  for (std::uint32_t level = kPipePriorities; level-- > 0;) {
    serve_class(level);
  }
}

void WaveDispatcher::serve_class(std::uint32_t pipe_priority) {
  const auto count = static_cast<QueueIndex>(queues_.size());
  if (count == 0) {
    return;
  }
  std::vector<QueueIndex> contenders;
  for (QueueIndex i = 0; i < count; ++i) {
    const QueueIndex index = (next_served_ + i) % count;
    const Queue& queue = queues_[index];
    if (queue.enabled && queue.pipe_priority == pipe_priority && queue.waiting()) {
      contenders.push_back(index);
    }
  }
  // First an equal share of the room for each, then what the others left.
  auto left = static_cast<std::uint32_t>(contenders.size());
  for (const QueueIndex index : contenders) {
    const std::uint32_t room = fit(queues_[index]);
    place(index, left > 1 ? (room + left - 1) / left : room);
    --left;
  }
  for (const QueueIndex index : contenders) {
    place(index, fit(queues_[index]));
  }
  if (contenders.size() > 1) {
    next_served_ = (next_served_ + 1) % count;
  }
}

std::uint32_t WaveDispatcher::fit(const Queue& queue) const {
  if (!queue.waiting()) {
    return 0;
  }
  const TrainPlan::Run& run = queue.run();
  std::uint64_t count = run.capacity - queue.resident;
  count = std::min(count, room_.waves / run.shape.waves);
  if (const std::uint64_t vgprs = vgpr_bytes(gpu_, run.shape); vgprs > 0) {
    count = std::min(count, room_.vgpr_bytes / vgprs);
  }
  if (run.shape.lds_bytes > 0) {
    count = std::min(count, room_.lds_bytes / run.shape.lds_bytes);
  }
  return static_cast<std::uint32_t>(count);
}

void WaveDispatcher::place(QueueIndex index, std::uint32_t limit) {
  Queue& queue = queues_[index];
  while (limit > 0 && !queue.saved.empty()) {
    Saved& saved = queue.saved.front();
    const std::uint32_t count = std::min(limit, saved.count);
    const Duration left = saved.left;
    saved.count -= count;
    if (saved.count == 0) {
      queue.saved.erase(queue.saved.begin());
    }
    add_cohort(index, count, left);
    limit -= count;
  }
  const std::uint32_t count = std::min(limit, queue.pending);
  if (count > 0) {
    queue.pending -= count;
    add_cohort(index, count, queue.run().workgroup);
    if (!std::exchange(queue.started, true)) {
      listener_.first_wave(index, queue.jobs.front().tag);
    }
  }
}

void WaveDispatcher::add_cohort(QueueIndex index, std::uint32_t count, Duration length) {
  Queue& queue = queues_[index];
  queue.resident += count;
  take(queue.run(), count);
  const Instant end = timeline_.now() + length;
  const auto same = std::find_if(queue.cohorts.begin(), queue.cohorts.end(),
                                 [end](const Cohort& cohort) { return cohort.end == end; });
  if (same != queue.cohorts.end()) {
    same->count += count;
    return;
  }
  const Timeline::EventId event =
      timeline_.at(end, [this, index, end] { end_cohort(index, end); }, Timeline::kCompletion);
  queue.cohorts.push_back(Cohort{.count = count, .end = end, .event = event});
}

void WaveDispatcher::end_cohort(QueueIndex index, Instant end) {
  Queue& queue = queues_[index];
  const auto cohort = std::find_if(queue.cohorts.begin(), queue.cohorts.end(),
                                   [end](const Cohort& each) { return each.end == end; });
  GPREEMPT_CHECK(cohort != queue.cohorts.end());
  queue.resident -= cohort->count;
  give_back(queue.run(), cohort->count);
  queue.cohorts.erase(cohort);
  if (queue.resident == 0 && !queue.waiting()) {
    next_kernel(index);
  }
  ask_dispatch();
}

void WaveDispatcher::take(const TrainPlan::Run& run, std::uint32_t count) {
  room_.waves -= std::uint64_t{count} * run.shape.waves;
  room_.vgpr_bytes -= count * vgpr_bytes(gpu_, run.shape);
  room_.lds_bytes -= count * run.shape.lds_bytes;
}

void WaveDispatcher::give_back(const TrainPlan::Run& run, std::uint32_t count) {
  room_.waves += std::uint64_t{count} * run.shape.waves;
  room_.vgpr_bytes += count * vgpr_bytes(gpu_, run.shape);
  room_.lds_bytes += count * run.shape.lds_bytes;
}

// ---- saving
// ---------------------------------------------------------------------------------------------

Instant WaveDispatcher::drained_at() {
  stop_alone();
  Instant last = timeline_.now();
  for (const Queue& queue : queues_) {
    for (const Cohort& cohort : queue.cohorts) {
      last = std::max(last, cohort.end);
    }
  }
  return last;
}

std::vector<WaveDispatcher::Frozen> WaveDispatcher::freeze() {
  stop_alone();
  std::vector<Frozen> frozen;
  for (QueueIndex index = 0; index < queues_.size(); ++index) {
    Queue& queue = queues_[index];
    if (queue.cohorts.empty()) {
      continue;
    }
    const std::uint64_t bytes = wave_state_bytes(gpu_, queue.run().shape, queue.resident);
    frozen.push_back(Frozen{.queue = index, .bytes = bytes});
    for (const Cohort& cohort : queue.cohorts) {
      timeline_.cancel(cohort.event);
      give_back(queue.run(), cohort.count);
      queue.saved.push_back(Saved{.count = cohort.count, .left = cohort.end - timeline_.now()});
    }
    queue.cohorts.clear();
    queue.resident = 0;
  }
  return frozen;
}

std::uint64_t WaveDispatcher::saved_bytes(QueueIndex index) const {
  const Queue& queue = queues_[index];
  std::uint64_t bytes = 0;
  for (const Saved& saved : queue.saved) {
    bytes += wave_state_bytes(gpu_, queue.run().shape, saved.count);
  }
  return bytes;
}

std::uint64_t WaveDispatcher::saved_waves(QueueIndex index) const {
  const Queue& queue = queues_[index];
  std::uint64_t waves = 0;
  for (const Saved& saved : queue.saved) {
    waves += std::uint64_t{saved.count} * queue.run().shape.waves;
  }
  return waves;
}

// ---- a queue that has the GPU to itself
// -----------------------------------------------------------------

std::optional<QueueIndex> WaveDispatcher::only_queue() const {
  std::optional<QueueIndex> only;
  for (QueueIndex index = 0; index < queues_.size(); ++index) {
    const Queue& queue = queues_[index];
    if (queue.resident > 0) {
      return std::nullopt;
    }
    if (queue.enabled && !queue.jobs.empty()) {
      if (only || !queue.saved.empty() || queue.pending != queue.run().shape.workgroups) {
        return std::nullopt;
      }
      only = index;
    }
  }
  return only;
}

void WaveDispatcher::start_alone(QueueIndex index) {
  Queue& queue = queues_[index];
  alone_ =
      Alone{.queue = index, .since = timeline_.now(), .elapsed = queue.plan().elapsed(queue.at)};
  queue.pending = 0;  // until its position is made explicit
  if (!queue.jobs.front().endless) {
    alone_->end = timeline_.after(
        queue.plan().total() - alone_->elapsed, [this, index] { end_alone(index); },
        Timeline::kCompletion);
  }
  if (!std::exchange(queue.started, true)) {
    listener_.first_wave(index, queue.jobs.front().tag);
  }
}

void WaveDispatcher::end_alone(QueueIndex index) {
  alone_.reset();
  Queue& queue = queues_[index];
  queue.done.work += queue.plan().total() - queue.plan().elapsed(queue.at);
  queue.done.kernels += queue.plan().kernels() - queue.plan().kernels_before(queue.at);
  finish_job(index);
  ask_dispatch();
}

void WaveDispatcher::stop_alone() {
  if (!alone_) {
    return;
  }
  const Alone alone = *alone_;
  alone_.reset();
  timeline_.cancel(alone.end);
  Queue& queue = queues_[alone.queue];
  const TrainPlan& plan = queue.plan();
  Duration position = alone.elapsed + (timeline_.now() - alone.since);
  // At the very end of a train that does not repeat, its last round is placed with nothing left to
  // do.
  const bool ended = position == plan.total() && !queue.jobs.front().endless;
  const Duration last{ended ? 1 : 0};
  position -= last;
  const std::int64_t laps = position / plan.total();
  const TrainPlan::Position now = plan.locate(position % plan.total());
  const TrainPlan::Position kernel{.run = now.run, .index = now.index, .offset = {}};
  queue.done.work += laps * plan.total() + plan.elapsed(kernel) - plan.elapsed(queue.at);
  queue.done.kernels += static_cast<std::uint64_t>(laps) * plan.kernels() +
                        plan.kernels_before(kernel) - plan.kernels_before(queue.at);
  queue.at = kernel;
  const TrainPlan::Run& run = queue.run();
  const auto before = static_cast<std::uint32_t>(now.offset / run.workgroup) * run.capacity;
  const std::uint32_t count = std::min(run.capacity, run.shape.workgroups - before);
  queue.pending = run.shape.workgroups - before - count;
  add_cohort(alone.queue, count, run.workgroup - now.offset % run.workgroup - last);
  ask_dispatch();
}

// ---- accounting
// -----------------------------------------------------------------------------------------

Duration WaveDispatcher::work_of(const TrainPlan::Run& run, Duration spent) {
  // `spent` is summed over workgroups; a kernel's work is its time alone, rounds times one
  // workgroup's.
  return spent * (run.kernel / run.workgroup) / run.shape.workgroups;
}

Duration WaveDispatcher::work_under_way(const Queue& queue, Instant now) {
  const TrainPlan::Run& run = queue.run();
  std::uint32_t unfinished = queue.pending + queue.resident;
  for (const Saved& saved : queue.saved) {
    unfinished += saved.count;
  }
  Duration spent = (run.shape.workgroups - unfinished) * run.workgroup;
  for (const Cohort& cohort : queue.cohorts) {
    spent += cohort.count * (run.workgroup - (cohort.end - now));
  }
  for (const Saved& saved : queue.saved) {
    spent += saved.count * (run.workgroup - saved.left);
  }
  return work_of(run, spent);
}

WaveDispatcher::Progress WaveDispatcher::progress(QueueIndex index) const {
  const Queue& queue = queues_[index];
  Progress result = queue.done;
  if (queue.jobs.empty()) {
    return result;
  }
  if (!alone_ || alone_->queue != index) {
    result.work += work_under_way(queue, timeline_.now());
    return result;
  }
  // Where the train is, without disturbing it.
  const TrainPlan& plan = queue.plan();
  const Duration position = alone_->elapsed + (timeline_.now() - alone_->since);
  const std::int64_t laps = position / plan.total();
  const TrainPlan::Position now = plan.locate(position % plan.total());
  const TrainPlan::Run& run = plan.run(now.run);
  const std::int64_t before = now.offset / run.workgroup * run.capacity;
  const std::int64_t placed = std::min<std::int64_t>(run.capacity, run.shape.workgroups - before);
  result.work += laps * plan.total() - alone_->elapsed +
                 plan.elapsed({.run = now.run, .index = now.index, .offset = {}}) +
                 work_of(run, before * run.workgroup + placed * (now.offset % run.workgroup));
  result.kernels += static_cast<std::uint64_t>(laps) * plan.kernels() + plan.kernels_before(now) -
                    plan.kernels_before(queue.at);
  return result;
}

}  // namespace gpreempt::sim
