#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "study/analysis/interval.h"
#include "study/analysis/samples.h"

/// What may be concluded from a study: which of two levels is better, and whether a limit is met.
namespace gpreempt::study {

/// Of `b` against `a`. Not resolvable: the interval of the difference includes zero, or there is
/// none.
enum class Verdict { kLower, kHigher, kNotResolvable };
[[nodiscard]] const char* to_string(Verdict verdict);

/// Two levels of a factor side by side, where the other factors are at `at`, over all levels of the
/// priors.
struct Comparison {
  std::size_t factor = 0;
  std::size_t metric = 0;
  std::size_t a = 0;  ///< level
  std::size_t b = 0;
  Setting at;
  Interval a_mean;
  Interval b_mean;
  Interval difference;  ///< b - a
  Verdict verdict = Verdict::kNotResolvable;
  /// If not resolvable: pairs that would probably do, those made included.
  std::optional<std::size_t> pairs_needed;
  Contrast contrast;  ///< of the difference
};

/// Every pair of levels of every factor that is no prior, at every setting of the others. Of a
/// factor with more than six levels: each with the first one and with the one before it.
[[nodiscard]] std::vector<Comparison> compare(const Samples& samples);

/// A bound that a metric's mean must not exceed.
struct Limit {
  std::string metric;
  double at_most = 0;
  std::string label;         ///< as people write it: "50 ms"
  bool is_required = false;  ///< no configuration is a choice that may exceed it
};

/// `kMet`, `kMissed`: all of the interval lies on that side. Otherwise not resolvable.
enum class LimitVerdict { kMet, kMissed, kNotResolvable };
[[nodiscard]] const char* to_string(LimitVerdict verdict);
[[nodiscard]] LimitVerdict judge(const Interval& value, const Limit& limit);

/// A configuration against a limit.
struct Judgement {
  std::size_t configuration = 0;
  std::size_t limit = 0;
  std::size_t metric = 0;
  Interval value;
  LimitVerdict verdict = LimitVerdict::kNotResolvable;
};
/// Limits of metrics that the study does not have are left out.
[[nodiscard]] std::vector<Judgement> judge_all(const Samples& samples,
                                               std::span<const Configuration> configurations,
                                               std::span<const Limit> limits);

}  // namespace gpreempt::study
