#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/hip/gpu.h"

/// From durations to iterations. A kernel's time is linear in its iterations, so two numbers of a
/// shape say how many of them last so long. They hold for this GPU, alone, at its clock of now.
namespace gpreempt::hip {

struct KernelCost {
  Duration fixed{};  ///< launch, first values, check: what no iteration is needed for
  double ns_per_iteration = 0;
  /// How far a third measurement, between the two that the line goes through, lies off it. Above a
  /// few percent something else was on the GPU, or its clock moved.
  double off_line = 0;

  /// At least 1. A duration below `fixed` cannot be made: it gives 1.
  [[nodiscard]] std::uint64_t iterations_for(Duration duration) const;
  [[nodiscard]] Duration time_of(std::uint64_t iterations) const;
};

/// Mean time of a kernel in a row of `count` equal ones, launches included, with the GPU to itself.
using MeasureKernel = std::function<Result<Duration>(const Kernel& kernel, std::uint32_t count)>;

/// Measures kernels like `kernel`, whose iterations are ignored: with one iteration, and with more
/// and more until they take `kLongEnough` longer; the fastest of three rows each, as whatever
/// disturbs a measurement makes it longer.
/// Errors: those of `measure`; kHardwareFailure (its time does not grow with its iterations).
[[nodiscard]] Result<KernelCost> calibrate(const Kernel& kernel, const MeasureKernel& measure);
inline constexpr Duration kLongEnough = std::chrono::microseconds(400);

/// How a chosen duration came out.
struct MadeKernel {
  KernelShape shape;
  Duration asked{};
  std::uint64_t iterations = 0;
  Duration made{};  ///< measured, or what follows from a shorter one
  bool was_tried = true;
};

/// A kernel that lasts longer than this is not tried before it is used.
inline constexpr Duration kLongestTried = std::chrono::milliseconds(100);
/// Iterations for a duration beyond `kLongestTried`: by what one takes in a kernel of that length,
/// which is so long that the GPU's clock is that of steady work. Errors: those of `measure`.
[[nodiscard]] Result<MadeKernel> extrapolate(const Kernel& kernel, Duration asked,
                                             const KernelCost& cost, const MeasureKernel& measure);

}  // namespace gpreempt::hip
