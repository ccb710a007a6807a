#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "calibration/costs.h"
#include "calibration/sample.h"

/// Repeated observations, put together: what a fit is made of.
namespace gpreempt::calibration {

/// One kind of observation under conditions that the formulas call equal, at one place with one
/// grace period.
struct Setting {
  std::string place;
  std::string grace;  ///< "1", "default"
  Seen seen = Seen::kSuspend;
  Costs terms{};
  double known_ns = 0;
  std::vector<double> seen_ns;  ///< by repetition
  [[nodiscard]] double median_ns() const;
};

/// One thing that a repetition showed.
struct Residual {
  std::size_t setting = 0;
  Seen seen = Seen::kSuspend;
  double seen_ns = 0;
  double ns = 0;  ///< its noise, once `centre` or `centre_without_itself` has found it
};
using Repetition = std::vector<Residual>;

struct Observations {
  std::vector<Setting> settings;
  std::vector<Repetition> repetitions;
  std::size_t used = 0;      ///< samples with at least one equation
  std::size_t left_out = 0;  ///< samples without
};

[[nodiscard]] Observations observe(std::span<const CallSample> samples, const Setup& setup);

/// The mean of the two in the middle, or the one. Shape: not empty. Reorders.
[[nodiscard]] double median_in_place(std::vector<double>& values);

/// Noise is what an observation differs by from the median of the setting's other repetitions.
/// Against a median that it is part of it would be too small; so it is some too large, by what that
/// median scatters. It does not depend on any formula.
void centre_without_itself(Observations& observations);
/// Noise is what differs from these centres, one a setting: of a fit, which rests on all of them.
void centre(Observations& observations, const std::vector<double>& centres_ns);

/// How many repetitions the noise of each setting can be drawn from: the fewest of its patterns.
[[nodiscard]] std::vector<std::size_t> pool_sizes(const Observations& observations);

/// What noise does to the settings' medians: `draws` rows with an entry for each setting, in
/// nanoseconds. A repetition is drawn as a whole, from all those in which at least the same kinds
/// of things were seen, so that what a suspend's latency and its gap have in common stays in
/// common; of their distribution nothing is taken for granted but that it does not depend on the
/// place. `resolution_ns` is what clocks add by rounding.
[[nodiscard]] std::vector<std::vector<double>> draw_medians(const Observations& observations,
                                                            std::size_t draws, std::uint64_t seed,
                                                            double resolution_ns);

}  // namespace gpreempt::calibration
