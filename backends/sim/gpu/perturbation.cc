#include "backends/sim/gpu/perturbation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/time.h"

namespace gpreempt::sim {
namespace {

Duration times(Duration scale, double factor) {
  return Duration(std::llround(static_cast<double>(to_ns(scale)) * factor));
}

}  // namespace

Disturbance::Disturbance(const Perturbation& perturbation)
    : perturbation_(perturbation),
      none_(perturbation.is_none()),
      waits_(perturbation.seed, "perturbation/unmap"),
      jitter_(perturbation.seed, "perturbation/jitter") {}

Duration Disturbance::unmap(std::size_t queues) {
  constexpr double kTail = -2.0 / 3;
  // Beyond a second it would be a hang, which is another test's matter.
  constexpr double kMost = 1e9;
  const double scales = std::pow(waits_.uniform(), kTail) - 1;
  const auto noise = static_cast<double>(to_ns(perturbation_.noise)) * scales;
  return perturbation_.unmodelled + Duration(std::llround(std::min(noise, kMost))) +
         times(perturbation_.bend, static_cast<double>(queues) * static_cast<double>(queues));
}

Duration Disturbance::jittered(Duration time) {
  constexpr double kFreedom = 3;
  const double chi_squared = jitter_.gamma(kFreedom / 2, kFreedom);
  const double t = jitter_.normal() / std::sqrt(chi_squared / kFreedom);
  return std::max(Duration::zero(), time + times(perturbation_.jitter, t));
}

}  // namespace gpreempt::sim
