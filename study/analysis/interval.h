#pragma once

#include <cstddef>
#include <optional>
#include <span>

/// Means with Student's t intervals.
namespace gpreempt::study {

/// A mean and the interval that holds the true one with the confidence asked for. Without samples
/// all are NaN; of a single one, or where the spread is unknown, only `lo` and `hi` are.
struct Interval {
  double mean = 0;
  double lo = 0;
  double hi = 0;
  double deviation = 0;  ///< of one pair or one repeat, estimated; NaN: unknown
  std::size_t n = 0;     ///< independent samples behind it

  [[nodiscard]] bool has_mean() const { return n > 0; }
  [[nodiscard]] bool is_bounded() const;
  /// All of it lies below (above) `value`. False if it is not bounded.
  [[nodiscard]] bool is_below(double value) const;
  [[nodiscard]] bool is_above(double value) const;
};

/// Student's t interval for the mean of independent samples. NaN does not count.
[[nodiscard]] Interval mean_interval(std::span<const double> samples, double confidence);

/// A sum of independent means, each times its weight.
struct WeightedMean {
  double weight = 1;
  double mean = 0;
  double deviation = 0;  ///< of one sample; NaN: unknown
  std::size_t n = 0;
};
/// Its interval, with the degrees of freedom of Welch and Satterthwaite. `n` of the result is the
/// smallest one. Not bounded if any of the means has fewer than two samples.
[[nodiscard]] Interval welch_interval(std::span<const WeightedMean> parts, double confidence);

/// How many pairs a difference of this mean and deviation takes until its interval excludes zero
/// with a probability of 80 %, if both are as they were seen. nullopt: unknown (not bounded), or
/// more than `kMostPairs`, or none would do (all pairs are equal).
inline constexpr std::size_t kMostPairs = 100'000;
[[nodiscard]] std::optional<std::size_t> pairs_to_resolve(const Interval& difference,
                                                          double confidence);

}  // namespace gpreempt::study
