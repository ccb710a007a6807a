#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/plan_pool.h"
#include "backends/sim/timeline.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::sim {

/// The ranks of one job, each on a GPU of its own, at their collectives.
///
/// A collective is complete when all ranks have had it on their GPUs at the same time for as long
/// as it takes; while one of them is off (suspended, evicted, waiting for room), the others stay on
/// theirs and wait. A rank that never joins makes the others wait for ever, or until the timeout.
///
/// Ranks that run the same train alone and in step are let through collectives without stopping at
/// each, with the same result to the nanosecond.
class Gang {
 public:
  /// `on_timeout` is called once, from an event of its own.
  Gang(Timeline& timeline, const GangPlace& place, std::function<void()> on_timeout);
  Gang(const Gang&) = delete;
  Gang& operator=(const Gang&) = delete;
  ~Gang();

  /// Rank `rank` runs on `gpu`; each rank joins once.
  void join(std::uint32_t rank, Gpu& gpu);
  /// Plans for what its ranks run.
  [[nodiscard]] PlanPool& plans() { return plans_; }
  /// Whether every rank has joined and each is on a GPU of its own.
  [[nodiscard]] bool complete() const;

  // from the GPUs, see `WaveDispatcher::Listener`
  void meeting(std::uint32_t rank, QueueIndex queue, bool on);
  void went_alone(std::uint32_t rank, QueueIndex queue);
  void lock_broken(std::uint32_t rank);

  /// Time that rank's collective has been on its GPU while another's was not.
  [[nodiscard]] Duration waited(std::uint32_t rank) const;
  /// A collective took longer than the timeout.
  [[nodiscard]] bool timed_out() const { return timed_out_; }

 private:
  struct Rank {
    Gpu* gpu = nullptr;
    QueueIndex queue = 0;
    bool on = false;
    Instant since{};  ///< it waits; counts while `on` and no collective runs
    Duration waited{};
  };
  struct Lock {
    WaveDispatcher::Solo solo;
    Timeline::EventId end = 0;
  };

  void run();
  void pause();
  void complete_collective();
  void ask_lock();
  void try_lock();
  void end_lock();
  void watch();
  void check_timeout();

  Timeline& timeline_;
  PlanPool plans_;
  Duration timeout_;
  std::function<void()> on_timeout_;
  std::vector<Rank> ranks_;
  std::uint32_t on_ = 0;          ///< ranks that are at the collective
  std::optional<Duration> left_;  ///< of the collective under way, when it was last paused
  Instant running_since_{};
  Timeline::EventId end_ = 0;  ///< of the collective, while every rank is on
  Instant begun_ = kForever;   ///< the first rank began the collective under way
  Timeline::EventId timeout_event_ = 0;
  Timeline::EventId lock_event_ = 0;
  std::optional<Lock> lock_;
  bool timed_out_ = false;
};

}  // namespace gpreempt::sim
