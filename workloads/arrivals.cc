#include "workloads/arrivals.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/random.h"
#include "core/time.h"
#include "workloads/scenario.h"

namespace gpreempt {
namespace {}  // namespace

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
  const auto end = static_cast<double>(to_ns(duration));
  std::vector<Duration> times;
  double now = 0;
  for (;;) {
    now += spec.cv2 == 1 ? random.exponential(mean_gap) : random.gamma(1 / spec.cv2, mean_gap);
    if (now >= end) {
      return times;
    }
    const Duration at(std::llround(now));
    if (at >= duration) {
      return times;
    }
    times.push_back(at);
  }
}

}  // namespace gpreempt
