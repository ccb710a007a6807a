#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "calibration/costs.h"
#include "calibration/sample.h"

/// Samples of machines whose costs are known, made from the formulas of docs/model.md without a
/// simulator.
namespace gpreempt::calibration::testing {

struct Machine {
  Costs truth{};
  double noise_ns = 0;   ///< scale of a wait in each unmap, as in `sim::Perturbation`
  double jitter_ns = 0;  ///< standard deviation of what calls, saves and restores take
  double clock_rate = 1;
  double missing = 0;        ///< share of samples without stamps
  bool over_bus = false;     ///< save areas in system memory
  bool one_grace = false;    ///< of 64 units; otherwise 1 and the default
  bool one_company = false;  ///< the number of queues and processes beside it never varies
  std::uint32_t repetitions = 12;
  /// What an unmap takes besides, by the queues beside the process; empty: nothing.
  std::function<double(std::uint32_t)> besides;
};

/// Costs of the size that the built-in models guess. `kUnmodelled` is 50 us.
[[nodiscard]] Costs usual_costs();

/// The same machine and seed: the same samples.
[[nodiscard]] std::vector<CallSample> samples_of(const Machine& machine, std::uint64_t seed);

/// What a fit's sum should come to: noise shifts medians by its own.
[[nodiscard]] Costs truth_of(const Machine& machine);

/// Where the areas are, and how fast the clock goes, as a calibration finds it.
[[nodiscard]] Setup setup_of(const std::vector<CallSample>& samples);

}  // namespace gpreempt::calibration::testing
