#pragma once

#include <cstdint>
#include <optional>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// A grace period in the driver's units of 1000 GPU clocks, rounded up, at least 1 (the driver
/// takes 0 for 1). nullopt = the driver's default. `clock_mhz`: of the fastest GPU involved.
/// Errors: kInvalidArgument (negative, or longer than 255 units; the text names the longest).
[[nodiscard]] Result<std::uint32_t> to_grace_units(std::optional<Duration> grace,
                                                   std::uint32_t clock_mhz);

}  // namespace gpreempt::kfd
