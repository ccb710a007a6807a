#pragma once

#include <array>
#include <cstddef>

#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {

/// How long each `DriverPhase` has lasted.
using PhaseTimes = std::array<Duration, kDriverPhases>;

[[nodiscard]] inline Duration& phase(PhaseTimes& times, DriverPhase which) {
  return times.at(static_cast<std::size_t>(which));
}

/// Divides the time of one GPU among what its firmware does to all queues (unmap, save, map,
/// restore) and, while it does none of that, what calls on it do (lock, issue, copy).
class PhaseClock {
 public:
  void firmware(DriverPhase phase, Instant now) {
    advance(now);
    firmware_ = phase;
  }
  [[nodiscard]] bool in_firmware() const { return firmware_ != DriverPhase::kNone; }
  void call_enters(DriverPhase phase, Instant now) {
    advance(now);
    ++calls_.at(static_cast<std::size_t>(phase));
  }
  void call_leaves(DriverPhase phase, Instant now) {
    advance(now);
    --calls_.at(static_cast<std::size_t>(phase));
  }
  /// Time in each phase from the start to `now`.
  [[nodiscard]] const PhaseTimes& until(Instant now) {
    advance(now);
    return times_;
  }

 private:
  [[nodiscard]] DriverPhase current() const {
    if (firmware_ != DriverPhase::kNone) {
      return firmware_;
    }
    for (const DriverPhase phase : {DriverPhase::kLock, DriverPhase::kIssue, DriverPhase::kCopy}) {
      if (calls_.at(static_cast<std::size_t>(phase)) > 0) {
        return phase;
      }
    }
    return DriverPhase::kNone;
  }
  void advance(Instant now) {
    times_.at(static_cast<std::size_t>(current())) += now - last_;
    last_ = now;
  }

  PhaseTimes times_{};
  std::array<int, kDriverPhases> calls_{};
  DriverPhase firmware_ = DriverPhase::kNone;
  Instant last_{};
};

}  // namespace gpreempt::sim
