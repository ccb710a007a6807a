#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "calibration/costs.h"
#include "calibration/sample.h"
#include "calibration/settings.h"
#include "calibration/sums.h"
#include "core/error.h"

/// The model's costs from what was observed.
///
/// Medians of repeated settings are fitted by weighted least squares, which takes no share in how
/// heavy the tails are. What noise does to them is drawn from the observed residuals (a bootstrap),
/// and with it come the weights, the intervals and the test of the model. Sums that the design
/// cannot take apart are fitted, and reported, as sums.
namespace gpreempt::calibration {

struct FitOptions {
  double confidence = 0.9;  ///< of the intervals
  std::size_t draws = 399;  ///< of noise
  std::uint64_t seed = 1;   ///< of the draws
  /// Of times between two readings of a clock whose ticks are 10 ns: what rounding adds, at most.
  /// It is the same in all repetitions where nothing else varies, so no repetition shows it.
  double resolution_ns = 10;
};

struct Estimate {
  Sum sum;
  double value = 0;
  double lo = 0;
  double hi = 0;
};

/// Whether the settings differ from the formulas by more than repetitions of one differ from each
/// other.
struct LackOfFit {
  std::size_t freedom = 0;  ///< settings less sums
  double statistic = 0;     ///< about `freedom` if the model is right
  /// How often the right model would look worse; nullopt: there is no setting to spare.
  std::optional<double> p;
};

/// A setting that the fit misses.
struct Miss {
  std::string place;
  std::string grace;
  Seen seen = Seen::kSuspend;
  double miss_ns = 0;  ///< seen less fitted
  double deviations = 0;
};

struct Fit {
  Setup setup;
  Estimable estimable;
  std::vector<Estimate> estimates;  ///< in the order of `estimable.sums`
  LackOfFit lack_of_fit;
  std::vector<Miss> misses;  ///< the worst ones first, ten at most
  /// Of single observations from the fit, sorted, by `Seen`.
  std::array<std::vector<double>, kSeen> noise;
  std::size_t settings = 0;
  std::size_t used = 0;
  std::size_t left_out = 0;

  /// What the equation's observation should be; nullopt: the fit cannot tell.
  [[nodiscard]] std::optional<double> predict(const Equation& equation) const;
};

/// Errors: kInvalidArgument (nothing that the formulas are for; no setting is repeated).
[[nodiscard]] Result<Fit> fit_costs(std::span<const CallSample> samples, const Setup& setup,
                                    const FitOptions& options = {});

}  // namespace gpreempt::calibration
