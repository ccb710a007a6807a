#pragma once

#include <span>

#include "core/backend.h"
#include "core/error.h"

namespace gpreempt {

/// Whether a control makes sense for queues on GPUs of these kinds, whatever the backend.
/// Errors: kInvalidArgument: a lease that is negative, or not positive though work stops; a
/// percentage over 100, a priority over 15, a launch limit with 0 kernels a batch or a batch over
/// the limit; a CU mask that leaves some XCC without a CU, on which its queues would hang.
[[nodiscard]] Result<void> check_control(const Control& control, std::span<const GpuInfo> gpus);

}  // namespace gpreempt
