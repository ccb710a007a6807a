#include "workloads/hip/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "config/document.h"
#include "core/error.h"
#include "core/time.h"
#include "workloads/hip/gpu.h"

namespace gpreempt::hip {
namespace {

constexpr std::uint32_t kRows = 3;
constexpr std::uint32_t kKernelsInARow = 16;
constexpr std::uint64_t kMostIterations = std::uint64_t{1} << 32U;

Result<Duration> fastest(Kernel kernel, std::uint64_t iterations, const MeasureKernel& measure,
                         std::uint32_t in_a_row = kKernelsInARow) {
  kernel.iterations = iterations;
  Duration best = Duration::max();
  for (std::uint32_t row = 0; row < kRows; ++row) {
    Duration time{};
    GPREEMPT_TRY(store(time, measure(kernel, in_a_row)));
    best = std::min(best, time);
  }
  return best;
}

}  // namespace

std::uint64_t KernelCost::iterations_for(Duration duration) const {
  const double wanted = static_cast<double>(to_ns(duration - fixed)) / ns_per_iteration;
  return wanted < 1 ? 1 : static_cast<std::uint64_t>(std::llround(wanted));
}

Duration KernelCost::time_of(std::uint64_t iterations) const {
  return fixed + Duration(std::llround(static_cast<double>(iterations) * ns_per_iteration));
}

Result<KernelCost> calibrate(const Kernel& kernel, const MeasureKernel& measure) {
  Duration least{};
  GPREEMPT_TRY(store(least, fastest(kernel, 1, measure)));
  std::uint64_t many = 1;
  Duration most = least;
  while (most < least + kLongEnough) {
    many *= 4;
    if (many > kMostIterations) {
      return fail(Errc::kHardwareFailure,
                  fmt::format("calibrate a kernel of {} workgroups: {} iterations take no longer "
                              "than one; its loop does not run",
                              kernel.shape.workgroups, kMostIterations));
    }
    GPREEMPT_TRY(store(most, fastest(kernel, many, measure)));
  }
  const std::uint64_t some = std::max<std::uint64_t>(many / 2, 2);
  Duration between{};
  GPREEMPT_TRY(store(between, fastest(kernel, some, measure)));
  KernelCost cost;
  cost.ns_per_iteration = static_cast<double>(to_ns(most - least)) / static_cast<double>(many - 1);
  cost.fixed = least - Duration(std::llround(cost.ns_per_iteration));
  const Duration told = cost.time_of(some);
  cost.off_line = static_cast<double>(to_ns(between - told)) / static_cast<double>(to_ns(told));
  return cost;
}

Result<MadeKernel> extrapolate(const Kernel& kernel, Duration asked, const KernelCost& cost,
                               const MeasureKernel& measure) {
  const std::uint64_t tried = cost.iterations_for(kLongestTried);
  Duration time{};
  GPREEMPT_TRY(store(time, fastest(kernel, tried, measure, 1)));
  const KernelCost steady{.fixed = cost.fixed,
                          .ns_per_iteration = static_cast<double>(to_ns(time - cost.fixed)) /
                                              static_cast<double>(tried)};
  const std::uint64_t iterations = steady.iterations_for(asked);
  return MadeKernel{.shape = kernel.shape,
                    .asked = asked,
                    .iterations = iterations,
                    .made = steady.time_of(iterations),
                    .was_tried = false};
}

}  // namespace gpreempt::hip
