#pragma once

#include <vector>

#include "core/random.h"
#include "core/time.h"
#include "workloads/scenario.h"

/// Times of arrival that are drawn, not recorded.
namespace gpreempt {

/// `phase + i / rate` below `duration`, each rounded to a nanosecond by itself.
[[nodiscard]] std::vector<Duration> periodic_arrivals(const PeriodicArrivals& spec,
                                                      Duration duration);

/// A renewal process from time 0 with gaps of mean 1/rate, below `duration`. Gaps are exponential
/// at cv2 = 1 and gamma of shape 1/cv2 otherwise.
[[nodiscard]] std::vector<Duration> random_arrivals(const RandomArrivals& spec, Duration duration,
                                                    RandomStream& random);
/// Gaps between two bounds, all equally likely. Shape: `max` is greater than 0, and `min` no more.
[[nodiscard]] std::vector<Duration> uniform_arrivals(const UniformArrivals& spec, Duration duration,
                                                     RandomStream& random);

}  // namespace gpreempt
