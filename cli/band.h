#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/metrics.h"
#include "cli/progress.h"
#include "cli/run_setup.h"
#include "core/error.h"

/// What the priors of a model leave open: the same scenario on many draws of the hardware.
namespace gpreempt::cli {

/// What nine in ten of the draws give.
struct BandInterval {
  double lo = 0;
  double hi = 0;
};
/// Nearest ranks of 5 % and 95 %; nullopt without values.
[[nodiscard]] std::optional<BandInterval> interval_of(std::vector<double> values);

/// A number that a run yields; times are in nanoseconds.
struct BandQuantity {
  std::string_view key;    ///< in JSON
  std::string_view title;  ///< in tables
  bool is_time = true;     ///< otherwise a fraction
  std::optional<double> (*of)(const PolicyMetrics&) = nullptr;
};
/// p50, p99, added p50 and p99, loss, overhead, steady suspend p50.
[[nodiscard]] const std::vector<BandQuantity>& band_quantities();

struct PolicyBand {
  std::string policy;
  /// One for each of `band_quantities`.
  std::vector<std::optional<BandInterval>> intervals;
};

struct BandSummary {
  std::uint32_t draws = 0;
  std::uint32_t refused = 0;  ///< draws on which the scenario cannot run; not in the band
  std::string refusal;        ///< why the first of them cannot
  std::uint64_t seed = 0;
  std::vector<PolicyBand> policies;
};

/// Runs the setup's policies and baselines on `draws` draws from the priors of its model, by the
/// scenario's seed, each with the same requests' seed. The simulator only.
/// Errors: kInvalidArgument (the scenario runs on none of the draws), those of `run_policies`.
[[nodiscard]] Result<BandSummary> band_over_priors(const RunSetup& setup, std::uint32_t draws,
                                                   Progress& progress);

}  // namespace gpreempt::cli
