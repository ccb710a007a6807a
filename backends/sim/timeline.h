#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt::sim {

/// Something that blocks until it is woken: a backend's wait, a simulated worker's poll.
class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  virtual ~Waiter() = default;

  /// Blocks until: `wake` (also one since the last wait), or `deadline`. Returns whether it was
  /// woken. Errors: kInternal (nothing can ever wake it: a deadlock, and who waits for what).
  [[nodiscard]] virtual Result<bool> wait(Instant deadline) = 0;
  /// Lets the waiting party go on. Never yields to it: it runs after the events of this instant.
  virtual void wake() = 0;
};

/// The event queue of a simulation: integer nanoseconds, ordered by (time, priority, order of
/// `at`), so that ties are ours and first-in-first-out. The models see nothing else of the engine.
///
/// Two drivers: `PlainTimeline` runs its events inside `Waiter::wait`; `World` runs them from one
/// SimGrid timer. Both fire the same events in the same order.
class Timeline {
 public:
  using Callback = std::function<void()>;
  /// Names a pending event; 0 is none.
  using EventId = std::uint64_t;

  /// Completions come before whatever else happens at an instant, wake-ups after it.
  static constexpr std::int32_t kCompletion = -10;
  static constexpr std::int32_t kNormal = 0;
  static constexpr std::int32_t kWakeUp = 1000;
  /// Those woken at an instant go on together, after every wake-up of it.
  static constexpr std::int32_t kGoOn = 1001;

  Timeline() = default;
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;
  virtual ~Timeline() = default;

  [[nodiscard]] Instant now() const { return now_; }
  /// Calls `callback` at `when` (now, if that is past).
  EventId at(Instant when, Callback callback, std::int32_t priority = kNormal);
  EventId after(Duration delay, Callback callback, std::int32_t priority = kNormal) {
    return at(saturating_add(now_, delay), std::move(callback), priority);
  }
  /// Whether an event of this instant is pending whose turn comes before that of one made now with
  /// `priority`. If none is, what that one would do may as well be done at once.
  [[nodiscard]] bool due_before(std::int32_t priority);
  /// Takes a pending event back. An event that has fired, or 0, is ignored.
  void cancel(EventId id);
  /// Drops every pending event and goes back to instant zero, for the next run in this process.
  void restart();

  /// Events fired since the last restart.
  [[nodiscard]] std::uint64_t fired() const { return fired_; }
  [[nodiscard]] bool empty() const { return live_ == 0; }

  /// `what` says what is waited for, in a deadlock's report.
  [[nodiscard]] virtual std::unique_ptr<Waiter> make_waiter(std::string what) = 0;

 protected:
  /// Date of the next event, `kForever` if there is none.
  [[nodiscard]] Instant next_date();
  /// Fires the next event; there must be one.
  void fire_next();
  /// The next event's date may have changed.
  virtual void changed() {}
  virtual void restarted() {}

 private:
  struct Entry {
    Instant when;
    std::int32_t priority = 0;
    std::uint32_t slot = 0;
    std::uint64_t sequence = 0;
  };
  struct Slot {
    Callback callback;
    std::uint64_t sequence = 0;  ///< 0: free or cancelled
  };
  /// A type, not a function: so that the heap's comparisons are inlined.
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const;
  };
  void drop_cancelled();

  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  Instant now_{};
  std::uint64_t next_sequence_ = 1;
  std::uint64_t fired_ = 0;
  std::size_t live_ = 0;
};

/// What both drivers' waiters have in common: when to block and when to go on.
class TimelineWaiter : public Waiter {
 public:
  explicit TimelineWaiter(Timeline& timeline) : timeline_(timeline) {}
  ~TimelineWaiter() override;
  TimelineWaiter(const TimelineWaiter&) = delete;
  TimelineWaiter& operator=(const TimelineWaiter&) = delete;

  [[nodiscard]] Result<bool> wait(Instant deadline) final;
  void wake() final;

 protected:
  /// Blocks the caller until `release`.
  [[nodiscard]] virtual Result<void> block() = 0;
  /// Lets the blocked party go on after the wake-ups of this instant. Called only while one is
  /// blocked.
  virtual void release() = 0;

 private:
  [[nodiscard]] Timeline::EventId arm(Instant deadline);

  Timeline& timeline_;
  Timeline::EventId pending_wake_ = 0;
  bool blocked_ = false;
  bool woken_ = false;
  bool expired_ = false;
};

/// A timeline without an engine: waiting runs the events. For unit tests of the models, and for
/// runs where nothing but the caller blocks.
class PlainTimeline final : public Timeline {
 public:
  [[nodiscard]] std::unique_ptr<Waiter> make_waiter(std::string what) override;
  /// Fires every event up to and including `until`; then it is `until`.
  void run_until(Instant until);

 private:
  class PlainWaiter;
};

}  // namespace gpreempt::sim
