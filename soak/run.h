#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/sim/world.h"
#include "core/event_log.h"
#include "core/fault.h"
#include "soak/plan.h"

namespace gpreempt::soak {

/// How a run went.
struct SoakResult {
  std::uint64_t suspends = 0;  ///< that the backend completed
  std::uint64_t resumes = 0;
  std::array<std::uint64_t, kFaultKinds> struck{};
  /// What must never be and was: each a sentence. Empty: all is well.
  std::vector<std::string> violations;
};

/// Carries a plan out, and judges it:
/// - once the faults have stopped, services finish their requests and jobs go on;
/// - after the scheduler and the backend are shut down (or killed) no queue is suspended, and every
///   job goes on;
/// - no queue was suspended, and no process waited to destroy one, for longer than the lease and
///   what the faults of the plan explain;
/// - each request's outcomes name every queue that was asked for, once.
/// From a party of `world`. Blocks: in virtual time. `log` null: none is written.
[[nodiscard]] SoakResult run_plan(const SoakPlan& plan, sim::World& world, EventLog* log = nullptr);

}  // namespace gpreempt::soak
