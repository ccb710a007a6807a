#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/stats.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {

/// Confidence of all intervals.
inline constexpr double kConfidence = 0.95;

/// A median and the ranks that enclose it, as shares of a whole.
struct Share {
  double value = 0;
  double lo = 0;
  double hi = 0;
  bool bounded = false;  ///< false: too few samples for the confidence
};
/// Shape: the sample is not empty; `whole` is positive.
[[nodiscard]] Share median_share(const Sample& sample, double whole);

/// Appends count, p50, p95, p99 with their bands, and max, in nanoseconds, under keys that begin
/// with `prefix`. Nothing of an empty sample.
void add_quantiles(Verdict& verdict, std::string_view prefix, const Sample& sample);

/// The same, p50 and max only.
void add_extent(Verdict& verdict, std::string_view prefix, const Sample& sample);

/// A time for a sentence, three digits: "865 us".
[[nodiscard]] std::string words_of_ns(double ns);

/// Slope and intercept of the least-squares line. Shape: two x that differ at least.
struct Line {
  double slope = 0;
  double intercept = 0;
};
[[nodiscard]] Line fit_line(std::span<const double> x, std::span<const double> y);

}  // namespace gpreempt::experiments
