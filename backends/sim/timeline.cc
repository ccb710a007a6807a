#include "backends/sim/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

/// A slot index in the low half, the low bits of its sequence in the high half.
constexpr unsigned kSlotBits = 24;
constexpr std::uint64_t kSlotMask = (std::uint64_t{1} << kSlotBits) - 1;

}  // namespace

inline bool Timeline::Later::operator()(const Entry& a, const Entry& b) const {
  if (a.when != b.when) {
    return a.when > b.when;
  }
  return a.priority != b.priority ? a.priority > b.priority : a.sequence > b.sequence;
}

Timeline::EventId Timeline::at(Instant when, Callback callback, std::int32_t priority) {
  std::uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    GPREEMPT_CHECK(slot < kSlotMask);
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  const std::uint64_t sequence = next_sequence_++;
  slots_[slot].callback.swap(callback);
  slots_[slot].sequence = sequence;
  heap_.push_back(Entry{
      .when = std::max(when, now_), .priority = priority, .slot = slot, .sequence = sequence});
  std::push_heap(heap_.begin(), heap_.end(), Later{});
  ++live_;
  changed();
  return (sequence << kSlotBits) | (slot + 1);
}

void Timeline::cancel(EventId id) {
  if (id == 0) {
    return;
  }
  const std::uint64_t slot = (id & kSlotMask) - 1;
  if (slot >= slots_.size() || slots_[slot].sequence != id >> kSlotBits) {
    return;
  }
  slots_[slot] = Slot{};
  --live_;
  changed();
}

void Timeline::restart() {
  heap_.clear();
  slots_.clear();
  free_slots_.clear();
  now_ = Instant{};
  fired_ = 0;
  live_ = 0;
  restarted();
  changed();
}

void Timeline::drop_cancelled() {
  while (!heap_.empty() && slots_[heap_.front().slot].sequence != heap_.front().sequence) {
    free_slots_.push_back(heap_.front().slot);
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    heap_.pop_back();
  }
}

Instant Timeline::next_date() {
  drop_cancelled();
  return heap_.empty() ? kForever : heap_.front().when;
}

bool Timeline::due_before(std::int32_t priority) {
  drop_cancelled();
  return !heap_.empty() && heap_.front().when == now_ && heap_.front().priority <= priority;
}

void Timeline::fire_next() {
  drop_cancelled();
  GPREEMPT_CHECK(!heap_.empty());
  const Entry entry = heap_.front();
  std::pop_heap(heap_.begin(), heap_.end(), Later{});
  heap_.pop_back();
  Slot& slot = slots_[entry.slot];
  Callback callback;
  callback.swap(slot.callback);
  slot.sequence = 0;
  free_slots_.push_back(entry.slot);
  --live_;
  ++fired_;
  now_ = entry.when;
  callback();
}

namespace {

/// Takes an event back when its scope is left, also by a killed actor's unwinding.
class ScopedEvent {
 public:
  ScopedEvent(Timeline& timeline, Timeline::EventId id) : timeline_(timeline), id_(id) {}
  ScopedEvent(const ScopedEvent&) = delete;
  ScopedEvent& operator=(const ScopedEvent&) = delete;
  ~ScopedEvent() { timeline_.cancel(id_); }

 private:
  Timeline& timeline_;
  Timeline::EventId id_;
};

}  // namespace

TimelineWaiter::~TimelineWaiter() { timeline_.cancel(pending_wake_); }

Timeline::EventId TimelineWaiter::arm(Instant deadline) {
  if (deadline == kForever) {
    return 0;
  }
  return timeline_.at(
      deadline,
      [this] {
        expired_ = true;
        release();
      },
      Timeline::kWakeUp);
}

Result<bool> TimelineWaiter::wait(Instant deadline) {
  if (woken_ || timeline_.now() >= deadline) {
    return std::exchange(woken_, false);
  }
  expired_ = false;
  blocked_ = true;
  const ScopedEvent alarm(timeline_, arm(deadline));
  while (!woken_ && !expired_) {
    GPREEMPT_TRY(block());
  }
  blocked_ = false;
  return std::exchange(woken_, false);
}

void TimelineWaiter::wake() {
  if (pending_wake_ != 0) {
    return;
  }
  pending_wake_ = timeline_.at(
      timeline_.now(),
      [this] {
        pending_wake_ = 0;
        woken_ = true;
        if (blocked_) {
          release();
        }
      },
      Timeline::kWakeUp);
}

class PlainTimeline::PlainWaiter final : public TimelineWaiter {
 public:
  PlainWaiter(PlainTimeline& timeline, std::string what)
      : TimelineWaiter(timeline), timeline_(timeline), what_(std::move(what)) {}
  ~PlainWaiter() override { timeline_.cancel(pending_release_); }
  PlainWaiter(const PlainWaiter&) = delete;
  PlainWaiter& operator=(const PlainWaiter&) = delete;

 protected:
  Result<void> block() override {
    released_ = false;
    while (!released_) {
      if (timeline_.empty()) {
        return fail(Errc::kInternal, fmt::format("simulation: deadlock at {} ns: main waits for {}",
                                                 to_ns(timeline_.now()), what_));
      }
      timeline_.fire_next();
    }
    return {};
  }

  void release() override {
    if (pending_release_ == 0) {
      pending_release_ = timeline_.at(
          timeline_.now(),
          [this] {
            pending_release_ = 0;
            released_ = true;
          },
          kGoOn);
    }
  }

 private:
  PlainTimeline& timeline_;
  std::string what_;
  EventId pending_release_ = 0;
  bool released_ = false;
};

std::unique_ptr<Waiter> PlainTimeline::make_waiter(std::string what) {
  return std::make_unique<PlainWaiter>(*this, std::move(what));
}

void PlainTimeline::run_until(Instant until) {
  bool reached = false;
  at(until, [&reached] { reached = true; }, INT32_MAX);
  while (!reached) {
    fire_next();
  }
}

}  // namespace gpreempt::sim
