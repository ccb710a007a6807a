#include "workloads/arrivals.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/random.h"
#include "core/time.h"
#include "workloads/scenario.h"

namespace gpreempt {
namespace {

/// One after each of the gaps, in nanoseconds, that `draw` gives.
template <class Draw>
std::vector<Duration> with_gaps(Draw draw, Duration duration) {
  const auto end = static_cast<double>(to_ns(duration));
  std::vector<Duration> times;
  for (double now = draw(); now < end; now += draw()) {
    const Duration at(std::llround(now));
    if (at >= duration) {
      break;
    }
    times.push_back(at);
  }
  return times;
}

}  // namespace

std::vector<Duration> periodic_arrivals(const PeriodicArrivals& spec, Duration duration) {
  std::vector<Duration> times;
  for (std::uint64_t i = 0;; ++i) {
    const double offset = static_cast<double>(i) * kNsPerSecond / spec.rate;
    if (offset >= static_cast<double>(to_ns(duration))) {
      return times;
    }
    const Duration at = spec.phase + Duration(std::llround(offset));
    if (at >= duration) {
      return times;
    }
    times.push_back(at);
  }
}

std::vector<Duration> random_arrivals(const RandomArrivals& spec, Duration duration,
                                      RandomStream& random) {
  const double mean_gap = kNsPerSecond / spec.rate;
  return with_gaps(
      [&] {
        return spec.cv2 == 1 ? random.exponential(mean_gap) : random.gamma(1 / spec.cv2, mean_gap);
      },
      duration);
}

std::vector<Duration> uniform_arrivals(const UniformArrivals& spec, Duration duration,
                                       RandomStream& random) {
  const auto least = static_cast<double>(to_ns(spec.min));
  const auto range = static_cast<double>(to_ns(spec.max - spec.min));
  return with_gaps([&] { return least + range * random.uniform(); }, duration);
}

}  // namespace gpreempt
