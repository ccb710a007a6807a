#pragma once

#include <cstdint>

#include "core/error.h"
#include "core/time.h"
#include "experiments/session.h"

namespace gpreempt::experiments {

/// The hardware holds a grace period as 1 to 255 units of 1000 clocks.
inline constexpr std::uint32_t kLongestGraceUnits = 255;

/// The longest grace period that the backend takes, which is 255 units: a backend does not say how
/// long its GPU's clock is, but refuses what does not fit. Found by bisection, with a suspend and a
/// resume of `process` for each that it takes, some dozen. To 1 ns. Errors: those of
/// `Session::control` but the refusals.
[[nodiscard]] Result<Duration> longest_grace(Session& session, const Followed& process);

/// A grace period that becomes `units` when it is rounded up. Shape: 1 to 255.
[[nodiscard]] Duration grace_of(Duration longest, std::uint32_t units);

}  // namespace gpreempt::experiments
