#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "calibration/costs.h"
#include "calibration/fit.h"
#include "calibration/sample.h"

/// What a fit says of calls that it has not seen, and how that turned out.
namespace gpreempt::calibration {

/// Bounds between which a single call comes with the confidence asked for, about its prediction, by
/// the ranks of the fit's own misses. Source: Papadopoulos et al., inductive confidence machines,
/// ECML 2002; it holds for any noise that does not depend on the setting.
struct Band {
  double lo_ns = 0;
  double hi_ns = 0;
  bool bounded = false;  ///< false: too few observations for the confidence; these are extremes
};
/// nullopt: the fit has seen nothing of the kind.
[[nodiscard]] std::optional<Band> band_of(const Fit& fit, Seen seen, double confidence);

/// One setting that the fit expects to see again.
struct Prediction {
  std::string place;
  std::string grace;
  Seen seen = Seen::kSuspend;
  double ns = 0;
  double lo_ns = 0;
  double hi_ns = 0;
};
/// Of every setting that these samples have, in their order.
[[nodiscard]] std::vector<Prediction> predict_settings(const Fit& fit,
                                                       std::span<const CallSample> samples,
                                                       double confidence);

/// How predictions of one kind of observation turned out.
struct Outcome {
  Seen seen = Seen::kSuspend;
  std::size_t calls = 0;
  std::size_t covered = 0;  ///< by the band
  /// Of the share of calls that the band covers, at 95 %. Source: Clopper and Pearson, 1934.
  double covered_lo = 0;
  double covered_hi = 1;
  std::size_t settings = 0;
  /// Over the settings, the median distance of the settings' medians from the prediction, and the
  /// largest one.
  double error_ns = 0;
  double worst_ns = 0;
  double relative = 0;  ///< the median distance over what was seen
  /// The same of a model that was not fitted; nullopt: there is none.
  std::optional<double> prior_error_ns;
};

struct Validation {
  std::vector<Outcome> outcomes;  ///< by `Seen`; those without a call are absent
  std::size_t calls = 0;
  std::size_t covered = 0;
  std::size_t not_predicted = 0;  ///< observations that the fit cannot tell
};

/// `prior`: the costs of the model before. The setup is the fit's.
[[nodiscard]] Validation validate(const Fit& fit, std::span<const CallSample> held_out,
                                  const std::optional<Costs>& prior, double confidence);

/// Bounds of a probability, from `hits` of `trials`, at `confidence`. Source: Clopper and Pearson.
struct Proportion {
  double lo = 0;
  double hi = 1;
};
[[nodiscard]] Proportion proportion_of(std::size_t hits, std::size_t trials, double confidence);

}  // namespace gpreempt::calibration
