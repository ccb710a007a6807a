#include "backends/sim/gang.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/mutant.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

/// After the dispatch of an instant, in which ranks find that they are alone.
constexpr std::int32_t kLock = Timeline::kCompletion + 2;

}  // namespace

Gang::Gang(Timeline& timeline, const GangPlace& place, std::function<void()> on_timeout)
    : timeline_(timeline),
      timeout_(place.timeout),
      on_timeout_(std::move(on_timeout)),
      ranks_(place.ranks) {}

Gang::~Gang() {
  timeline_.cancel(end_);
  timeline_.cancel(timeout_event_);
  timeline_.cancel(lock_event_);
  if (lock_) {
    timeline_.cancel(lock_->end);
  }
}

void Gang::join(std::uint32_t rank, Gpu& gpu) {
  GPREEMPT_CHECK(rank < ranks_.size() && ranks_[rank].gpu == nullptr);
  ranks_[rank].gpu = &gpu;
}

bool Gang::complete() const {
  return std::ranges::all_of(ranks_, [this](const Rank& rank) {
    return rank.gpu != nullptr && std::ranges::count(ranks_, rank.gpu, &Rank::gpu) == 1;
  });
}

// ---- collectives
// ------------------------------------------------------------------------------------------------

void Gang::meeting(std::uint32_t index, QueueIndex queue, bool on) {
  Rank& rank = ranks_[index];
  if (!on) {
    pause();
    rank.waited += timeline_.now() - rank.since;
    rank.on = false;
    --on_;
    return;
  }
  rank.on = true;
  rank.queue = queue;
  rank.since = timeline_.now();
  ++on_;
  if (!left_) {
    left_ = rank.gpu->waves().meeting_time(queue);
  }
  if (begun_ == kForever) {
    begun_ = timeline_.now();
    watch();
  }
  if (on_ == ranks_.size()) {
    run();
  }
}

/// Every rank is on.
void Gang::run() {
  GPREEMPT_CHECK(left_.has_value());
  for (Rank& rank : ranks_) {
    rank.waited += timeline_.now() - rank.since;
  }
  running_since_ = timeline_.now();
  end_ = timeline_.after(*left_, [this] { complete_collective(); }, Timeline::kCompletion);
}

void Gang::pause() {
  if (end_ == 0) {
    return;
  }
  GPREEMPT_CHECK(left_.has_value());
  timeline_.cancel(std::exchange(end_, 0));
  *left_ -= timeline_.now() - running_since_;
  for (Rank& rank : ranks_) {
    rank.since = timeline_.now();
  }
}

void Gang::complete_collective() {
  end_ = 0;
  left_.reset();
  begun_ = kForever;
  on_ = 0;
  for (Rank& rank : ranks_) {
    rank.on = false;
  }
  for (const Rank& rank : ranks_) {
    rank.gpu->waves().end_meeting(rank.queue);
  }
}

Duration Gang::waited(std::uint32_t index) const {
  const Rank& rank = ranks_[index];
  const bool waits = rank.on && end_ == 0 && !GPREEMPT_MUTANT("collective-wait-not-counted");
  return rank.waited + (waits ? timeline_.now() - rank.since : Duration::zero());
}

/// One event serves many collectives: those that end in time need none of their own.
void Gang::watch() {
  if (timeout_event_ == 0 && timeout_ != Duration::max()) {
    timeout_event_ = timeline_.at(saturating_add(begun_, timeout_), [this] { check_timeout(); });
  }
}

void Gang::check_timeout() {
  timeout_event_ = 0;
  if (begun_ == kForever || timed_out_) {
    return;
  }
  if (timeline_.now() - begun_ < timeout_) {
    watch();
    return;
  }
  timed_out_ = true;
  on_timeout_();
}

// ---- in step
// ------------------------------------------------------------------------------------------------

void Gang::went_alone(std::uint32_t rank, QueueIndex queue) {
  ranks_[rank].queue = queue;
  ask_lock();
}

void Gang::ask_lock() {
  if (lock_event_ == 0) {
    lock_event_ = timeline_.at(
        timeline_.now(),
        [this] {
          lock_event_ = 0;
          try_lock();
        },
        kLock);
  }
}

void Gang::try_lock() {
  std::optional<WaveDispatcher::Solo> first;
  for (const Rank& rank : ranks_) {
    if (rank.gpu == nullptr) {
      return;
    }
    const std::optional<WaveDispatcher::Solo> solo = rank.gpu->waves().solo(rank.queue);
    if (!solo || solo->since != timeline_.now()) {
      return;
    }
    if (!first) {
      first = solo;
    } else if (solo->elapsed != first->elapsed || solo->endless != first->endless ||
               !solo->plan->same_as(*first->plan)) {
      return;
    }
  }
  GPREEMPT_CHECK(first.has_value());
  for (const Rank& rank : ranks_) {
    rank.gpu->waves().lock(rank.queue);
  }
  Lock& lock = lock_.emplace(Lock{.solo = *first});
  if (!first->endless) {
    lock.end = timeline_.after(
        first->plan->total() - first->elapsed, [this] { end_lock(); }, Timeline::kCompletion);
  }
}

/// Their trains end.
void Gang::end_lock() {
  lock_.reset();
  for (const Rank& rank : ranks_) {
    rank.gpu->waves().end_locked(rank.queue);
  }
}

/// Rank `index` is stopped by its own dispatcher.
void Gang::lock_broken(std::uint32_t index) {
  GPREEMPT_CHECK(lock_.has_value());
  const Lock lock = *lock_;
  lock_.reset();
  timeline_.cancel(lock.end);
  const TrainPlan& plan = *lock.solo.plan;
  const Duration position = lock.solo.elapsed + (timeline_.now() - lock.solo.since);
  const bool ended = !lock.solo.endless && position == plan.total();
  const Duration inside = ended ? position - Duration(1) : position % plan.total();
  const TrainPlan::Position at = plan.locate(inside);
  if (plan.run(at.run).collective) {
    const Duration passed = at.offset + Duration(ended ? 1 : 0);
    left_ = plan.run(at.run).kernel - passed;
    begun_ = timeline_.now() - passed;
    watch();
  }
  for (std::uint32_t i = 0; i < ranks_.size(); ++i) {
    if (i != index) {
      ranks_[i].gpu->waves().unlock(ranks_[i].queue);
    }
  }
}

}  // namespace gpreempt::sim
