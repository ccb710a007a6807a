#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "cli/recorded_run.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/policy.h"
#include "core/time.h"

/// Another policy on the events of a recorded run.
namespace gpreempt::cli {

/// How long a call takes that no recorded run has made.
struct AssumedCalls {
  Duration suspend{};
  Duration resume{};
};

struct WhatIf {
  std::vector<Decision> decisions;
  /// The first step whose verdicts differ from the recorded ones; nullopt: none does. What the
  /// policy says later hangs on events that its own decisions would have changed.
  std::optional<Instant> diverged;
  std::uint64_t calls_assumed = 0;   ///< calls of its own, ended as `AssumedCalls` says
  std::uint64_t calls_dropped = 0;   ///< recorded ends of calls that it did not make
  std::uint64_t leases_dropped = 0;  ///< recorded ends of leases that it did not have
};

/// Gives the recorded events to a scheduler under `policy`, at their instants: open loop, so Online
/// arrives and finishes as recorded, whatever is decided. What the policy asks for by itself (its
/// deadlines) happens when it asks.
///
/// Until the first divergence its calls are the recorded ones and end as recorded, refusals and
/// leases included. From then on each call is taken, and ends well for all its queues after the
/// time in `assumed`; a suspension that outlasts the recorded lease is ended then; recorded ends of
/// calls and leases that are not this scheduler's are left out.
/// Errors: those of `make_scheduler`.
[[nodiscard]] Result<WhatIf> what_if(const RecordedRun& run, std::unique_ptr<const Policy> policy,
                                     const AssumedCalls& assumed);

/// The recorded decisions.
[[nodiscard]] std::vector<Decision> decisions_of(const RecordedRun& run);

}  // namespace gpreempt::cli
