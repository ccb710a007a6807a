#include "backends/sim/gpu/wave_dispatcher.h"

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
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

/// Source: pipe_priority_map, kfd_mqd_manager.c.
std::uint32_t pipe_priority_of(std::uint32_t level) {
  if (GPREEMPT_MUTANT("priority-ignored")) {
    return 0;
  }
  if (level >= 11) {
    return 2;
  }
  return level >= 7 ? 1 : 0;
}
constexpr std::uint32_t kPipePriorities = 3;
/// Workgroups for each CU that a queue may place before its equals have their turn.
constexpr std::uint32_t kTurn = 4;

/// After the completions of an instant, before anything else of it.
constexpr std::int32_t kDispatch = Timeline::kCompletion + 1;

}  // namespace

WaveDispatcher::WaveDispatcher(Timeline& timeline, const GpuParameters& gpu, Listener& listener,
                               Options options)
    : timeline_(timeline), gpu_(gpu), listener_(listener), options_(options), pool_(gpu) {}

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
  queues_.push_back({.pipe_priority = pipe_priority_of(priority), .allowed = pool_.all()});
  return static_cast<QueueIndex>(queues_.size() - 1);
}

void WaveDispatcher::remove_queue(QueueIndex index) {
  stop_alone();
  const Progress done = progress(index);
  release_cohorts(queues_[index]);
  vacate(queues_[index]);
  update_meeting(index);
  queues_[index] = Queue{};
  queues_[index].done = done;
  std::erase(busy_, index);
  ask_dispatch();
}

void WaveDispatcher::set_priority(QueueIndex index, std::uint32_t priority) {
  queues_[index].pipe_priority = pipe_priority_of(priority);
  ask_dispatch();
}

void WaveDispatcher::set_cu_mask(QueueIndex index, const CuSets& allowed) {
  stop_alone();
  queues_[index].allowed = GPREEMPT_MUTANT("cu-mask-ignored") ? pool_.all() : allowed;
  ask_dispatch();
}

// ---- kernels
// --------------------------------------------------------------------------------------------

void WaveDispatcher::submit(QueueIndex index, Job job) {
  Queue& queue = queues_[index];
  if (!queue.enabled && GPREEMPT_MUTANT("doorbell-lost")) {
    return;
  }
  const bool idle = queue.jobs.empty();
  if (idle) {
    stop_alone();
  }
  queue.jobs.push_back(std::move(job));
  if (idle) {
    busy_.insert(std::lower_bound(busy_.begin(), busy_.end(), index), index);
    begin_job(index);
    ask_dispatch();
  }
}

void WaveDispatcher::begin_job(QueueIndex index) {
  queues_[index].started = false;
  queues_[index].at = {};
  begin_kernel(index);
}

void WaveDispatcher::begin_kernel(QueueIndex index) {
  Queue& queue = queues_[index];
  queue.placed = false;
  queue.begun = !queue.gate || queue.done.kernels < *queue.gate;
  if (queue.begun) {
    queue.pending = queue.run().share;
    queue.waiting = queue.run().shape.workgroups;
  }
}

void WaveDispatcher::next_kernel(QueueIndex index) {
  Queue& queue = queues_[index];
  queue.done.work += queue.run().kernel;
  ++queue.done.kernels;
  queue.begun = false;
  const bool gated = queue.gate.has_value();
  if (queue.plan().advance(queue.at)) {
    begin_kernel(index);
  } else if (queue.jobs.front().endless) {
    queue.at = {};
    begin_kernel(index);
  } else {
    finish_job(index);
  }
  if (gated) {
    listener_.kernel_done(index);
  }
}

void WaveDispatcher::finish_job(QueueIndex index) {
  Queue& queue = queues_[index];
  const std::uint64_t tag = queue.jobs.front().tag;
  queue.jobs.pop_front();
  queue.begun = false;
  if (queue.jobs.empty()) {
    std::erase(busy_, index);
  } else {
    begin_job(index);
  }
  listener_.job_done(index, tag);
}

void WaveDispatcher::set_gate(QueueIndex index, std::optional<std::uint64_t> kernels) {
  stop_alone();
  Queue& queue = queues_[index];
  queue.gate = kernels;
  if (queue.begun && queue.fresh() && kernels && queue.done.kernels >= *kernels) {
    queue.begun = false;  // it had passed the gate and placed nothing yet
    queue.pending = {};
    queue.waiting = 0;
  } else if (!queue.jobs.empty() && !queue.begun) {
    begin_kernel(index);
  }
  ask_dispatch();
}

std::uint64_t WaveDispatcher::kernels_begun(QueueIndex index) const {
  const Queue& queue = queues_[index];
  const bool alone = alone_ && alone_->queue == index;
  return progress(index).kernels + (alone || (queue.begun && !queue.fresh()) ? 1 : 0);
}

// ---- placing workgroups
// ---------------------------------------------------------------------------------

void WaveDispatcher::enable(QueueIndex index) {
  stop_alone();
  queues_[index].enabled = true;
  ask_dispatch();
}

void WaveDispatcher::disable(std::span<const QueueIndex> queues) {
  stop_alone();
  for (const QueueIndex index : queues) {
    queues_[index].enabled = false;
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
    gather_contenders(level);
    for (std::uint32_t xcc = 0; xcc < pool_.xccs() && !contenders_.empty(); ++xcc) {
      serve(xcc);
    }
  }
}

/// In order of turns: round-robin over the queues from the one served first next.
void WaveDispatcher::gather_contenders(std::uint32_t pipe_priority) {
  contenders_.clear();
  const auto add = [&](auto from, auto to) {
    for (auto each = from; each != to; ++each) {
      const Queue& queue = queues_[*each];
      if (queue.enabled && queue.pipe_priority == pipe_priority && queue.waiting > 0) {
        contenders_.push_back(*each);
      }
    }
  };
  const auto next = std::lower_bound(busy_.begin(), busy_.end(), next_served_);
  add(next, busy_.end());
  add(busy_.begin(), next);
  if (contenders_.size() > 1) {
    next_served_ = contenders_.front() + 1;
  }
}

void WaveDispatcher::serve(std::uint32_t xcc) {
  if (contenders_.size() == 1) {
    place(contenders_.front(), xcc, queues_[contenders_.front()].waiting);
    return;
  }
  // One that does not use its turn up has no more to place or finds no room, and nothing makes room
  // meanwhile.
  const std::uint32_t turn = kTurn * pool_.cus_per_xcc();
  in_turn_ = contenders_;
  while (!in_turn_.empty()) {
    std::size_t kept = 0;
    for (const QueueIndex index : in_turn_) {
      if (place(index, xcc, turn) == turn) {
        in_turn_[kept++] = index;
      }
    }
    in_turn_.resize(kept);
  }
}

/// Places up to `limit` workgroups, saved ones first. Returns how many.
std::uint32_t WaveDispatcher::place(QueueIndex index, std::uint32_t xcc, std::uint32_t limit) {
  Queue& queue = queues_[index];
  std::uint32_t placed = 0;
  for (std::size_t i = 0; i < queue.saved.size() && placed < limit; ++i) {
    Saved& saved = queue.saved[i];
    if (std::uint32_t& count = saved.counts.at(xcc); count > 0) {
      const std::uint32_t put_now =
          put(index, xcc, std::min(limit - placed, count),
              GPREEMPT_MUTANT("waves-start-over") ? saved.length : saved.left, saved.length);
      count -= put_now;
      placed += put_now;
      if (count > 0) {
        return placed;  // in order: what comes after it fits no better
      }
    }
  }
  if (!queue.saved.empty()) {
    std::erase_if(queue.saved, [](const Saved& each) { return each.counts == PerXcc{}; });
  }
  if (std::uint32_t& pending = queue.pending.at(xcc);
      pending > 0 && placed < limit && !pool_.is_known_full(xcc, queue.run().footprint)) {
    const Duration length = length_now(queue);
    const std::uint32_t put_now =
        put(index, xcc, std::min(limit - placed, pending), length, length);
    pending -= put_now;
    placed += put_now;
    if (put_now > 0 && !std::exchange(queue.placed, true)) {
      queue.begun_at = timeline_.now();
    }
    if (put_now > 0 && !std::exchange(queue.started, true)) {
      listener_.first_wave(index, queue.jobs.front().tag);
    }
  }
  update_meeting(index);
  return placed;
}

/// How long a workgroup placed now takes.
Duration WaveDispatcher::length_now(const Queue& queue) const {
  // A collective is held up by other ranks, not by its neighbours.
  return queue.run().collective || resident_ + leaving_ == queue.resident ? queue.run().workgroup
                                                                          : queue.run().beside;
}

/// Makes up to `count` workgroups resident on `xcc` for what is `left` of `length`. Returns how
/// many fitted.
std::uint32_t WaveDispatcher::put(QueueIndex index, std::uint32_t xcc, std::uint32_t count,
                                  Duration left, Duration length) {
  Queue& queue = queues_[index];
  const bool collective = queue.run().collective;
  const Instant end = collective ? kForever : timeline_.now() + left;
  const auto same = std::find_if(
      queue.cohorts.begin(), queue.cohorts.end(),
      [&](const Cohort& cohort) { return cohort.end == end && cohort.length == length; });
  const bool found = same != queue.cohorts.end();
  if (!found && spare_cohorts_.empty()) {
    spare_cohorts_.emplace_back();
  }
  Cohort& cohort = found ? *same : spare_cohorts_.back();
  const std::uint32_t placed =
      pool_.place(xcc, queue.run().footprint, count, queue.allowed.at(xcc), cohort.on);
  if (placed == 0) {
    return 0;
  }
  cohort.total += placed;
  queue.resident += placed;
  resident_ += placed;
  queue.waiting -= placed;
  if (!found) {
    cohort.end = end;
    cohort.length = length;
    cohort.event =
        collective ? 0
                   : timeline_.at(end, [this, index] { end_cohort(index); }, Timeline::kCompletion);
    queue.cohorts.push_back(std::move(cohort));
    spare_cohorts_.pop_back();
  }
  return placed;
}

/// The one of the queue's cohorts whose event has fired; of several that end now, the oldest.
void WaveDispatcher::end_cohort(QueueIndex index) {
  Queue& queue = queues_[index];
  const auto cohort = std::ranges::find(queue.cohorts, timeline_.now(), &Cohort::end);
  GPREEMPT_CHECK(cohort != queue.cohorts.end());
  queue.resident -= cohort->total;
  resident_ -= cohort->total;
  pool_.give_back(queue.run().footprint, cohort->on);
  recycle(std::move(*cohort));
  queue.cohorts.erase(cohort);
  if (queue.resident == 0 && queue.waiting == 0) {
    next_kernel(index);
  }
  if (dispatch_event_ == 0 && !timeline_.due_before(kDispatch)) {
    dispatch();  // the event that `ask_dispatch` makes would be the next one
  } else {
    ask_dispatch();
  }
}

/// Its placement is empty.
void WaveDispatcher::recycle(Cohort&& cohort) {
  cohort.total = 0;
  spare_cohorts_.push_back(std::move(cohort));
}

void WaveDispatcher::release_cohorts(Queue& queue) {
  for (Cohort& cohort : queue.cohorts) {
    timeline_.cancel(cohort.event);
    pool_.give_back(queue.run().footprint, cohort.on);
    recycle(std::move(cohort));
  }
  queue.cohorts.clear();
  resident_ -= queue.resident;
  queue.resident = 0;
}

std::uint32_t WaveDispatcher::resident_on(std::uint32_t cu) const {
  std::uint32_t count = 0;
  for (const Queue& queue : queues_) {
    for (const Cohort& cohort : queue.cohorts) {
      count += cohort.on.on_cu(cu / pool_.cus_per_xcc(), cu % pool_.cus_per_xcc());
    }
  }
  return count;
}

bool WaveDispatcher::could_place(QueueIndex index, std::uint32_t xcc) const {
  const Queue& queue = queues_[index];
  bool waits = queue.enabled && queue.pending.at(xcc) > 0;
  for (const Saved& saved : queue.saved) {
    waits = waits || (queue.enabled && saved.counts.at(xcc) > 0);
  }
  if (!waits || queue.waiting == 0) {
    return false;
  }
  return pool_.fits(xcc, queue.run().footprint, queue.allowed.at(xcc));
}

}  // namespace gpreempt::sim
