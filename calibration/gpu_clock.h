#pragma once

#include <cstddef>
#include <span>

#include "calibration/sample.h"

namespace gpreempt::calibration {

/// How fast a GPU's clock goes by the host's.
struct ClockRate {
  double rate = 1;
  double lo = 1;  ///< at the confidence asked for
  double hi = 1;
  std::size_t pairs = 0;  ///< behind it; 0: it is not known, and taken to be 1
};

/// From pairs of suspends of one place with one grace period: when their saves began by the GPU,
/// and when they were issued by the host. Each pair spans half of them, so that what comes between
/// both instants, the same on average, matters little. The median over all pairs, with a rank band,
/// which asks nothing of the noise. Stamps whose time stands still or runs backwards do not count.
[[nodiscard]] ClockRate clock_rate_of(std::span<const CallSample> samples, double confidence);

}  // namespace gpreempt::calibration
