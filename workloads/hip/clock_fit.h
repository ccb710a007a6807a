#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/error.h"
#include "core/time.h"

/// The GPU's clock in terms of the host's. A GPU counts ticks of a rate that its data sheet does
/// not promise exactly, from an origin of its own, so both are fitted from pairs of readings.
namespace gpreempt::hip {

/// The GPU read its clock at `ticks` some time between `before` and `after` on the host's clock.
struct ClockSample {
  Instant before;
  std::uint64_t ticks = 0;
  Instant after;
};

/// A straight line through the samples.
struct ClockFit {
  std::uint64_t origin_ticks = 0;
  Instant origin;  ///< when the GPU's clock showed `origin_ticks`
  double ns_per_tick = 0;
  /// How far the line passes outside the bracket of the sample that it fits worst: 0 if every
  /// sample may be true. More than a few microseconds: the clocks drift, or one of them jumped.
  Duration residual{};
  /// Half of the narrowest bracket: what the line may be off by though all samples agree.
  Duration uncertainty{};
  std::size_t used = 0;  ///< samples with narrow brackets, which the line goes by

  /// The instant at which the GPU's clock shows `ticks`, also before and after the samples.
  [[nodiscard]] Instant at(std::uint64_t ticks) const;
  /// So many ticks last so long.
  [[nodiscard]] Duration span(std::uint64_t ticks) const;
};

/// Least squares through the middles of the narrow brackets: those at most twice as wide as the
/// narrowest of their part of the time, of which there are sixteen, so that a slow stretch still
/// has a say. Of a preempted reading the bracket is wide, and it is left out.
/// Errors: kInvalidArgument (fewer than two readings at different ticks, one that ends before it
/// begins, a line that does not rise).
[[nodiscard]] Result<ClockFit> fit_clock(std::span<const ClockSample> samples);

}  // namespace gpreempt::hip
