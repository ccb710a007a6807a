#pragma once

#include <cstddef>
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

/// For an answer that rests on trials that agree with it: the confidence, and the number
/// "agrees_at_least" (`proportion_at_least`). Nothing if none does.
void add_agreement(Verdict& verdict, std::size_t agreeing, std::size_t trials);

/// A quotient and the interval that holds it.
struct Ratio {
  double value = 0;
  double lo = 0;
  double hi = 0;
  bool bounded = false;  ///< false: too few samples for the confidence
};
/// The median of one sample over that of another. Each band is half as unsure as the quotient's, so
/// that both hold together. Shape: neither is empty; medians are positive.
[[nodiscard]] Ratio median_ratio(const Sample& sample, const Sample& over);

/// A time for a sentence, three digits: "865 us".
[[nodiscard]] std::string words_of_ns(double ns);

/// Slope and intercept of the least-squares line. Shape: two x that differ at least.
struct Line {
  double slope = 0;
  double intercept = 0;
};
[[nodiscard]] Line fit_line(std::span<const double> x, std::span<const double> y);

}  // namespace gpreempt::experiments
