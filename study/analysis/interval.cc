#include "study/analysis/interval.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "core/error.h"
#include "core/math_policy.h"

namespace gpreempt::study {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// The quantile of Student's t; `degrees` need not be whole.
double student_t(double probability, double degrees) {
  const boost::math::students_t_distribution<double, detail::MathPolicy> student(degrees);
  return boost::math::quantile(student, probability);
}

double two_sided(double confidence) {
  GPREEMPT_CHECK(confidence > 0 && confidence < 1);
  return (1 + confidence) / 2;
}

}  // namespace

bool Interval::is_bounded() const { return std::isfinite(lo) && std::isfinite(hi); }
bool Interval::is_below(double value) const { return is_bounded() && hi < value; }
bool Interval::is_above(double value) const { return is_bounded() && lo > value; }

Interval mean_interval(std::span<const double> samples, double confidence) {
  const double probability = two_sided(confidence);
  std::vector<double> there;
  for (const double sample : samples) {
    if (!std::isnan(sample)) {
      there.push_back(sample);
    }
  }
  Interval interval{
      .mean = kUnknown, .lo = kUnknown, .hi = kUnknown, .deviation = kUnknown, .n = there.size()};
  if (there.empty()) {
    return interval;
  }
  const auto count = static_cast<double>(there.size());
  double sum = 0;
  for (const double sample : there) {
    sum += sample;
  }
  // Equal samples have exactly their value as mean, whatever rounding makes of the sum.
  const bool all_equal =
      std::ranges::adjacent_find(there, std::ranges::not_equal_to{}) == there.end();
  interval.mean = all_equal ? there.front() : sum / count;
  if (there.size() < 2) {
    return interval;
  }
  double squares = 0;
  for (const double sample : there) {
    squares += (sample - interval.mean) * (sample - interval.mean);
  }
  interval.deviation = std::sqrt(squares / (count - 1));
  const double half = student_t(probability, count - 1) * interval.deviation / std::sqrt(count);
  interval.lo = interval.mean - half;
  interval.hi = interval.mean + half;
  return interval;
}

Interval welch_interval(std::span<const WeightedMean> parts, double confidence) {
  const double probability = two_sided(confidence);
  Interval interval{.mean = 0, .lo = kUnknown, .hi = kUnknown, .deviation = kUnknown, .n = 0};
  double variance = 0;
  double squares = 0;  // of the parts' variances over their degrees of freedom
  double one_pair = 0;
  bool is_known = !parts.empty();
  for (const WeightedMean& part : parts) {
    interval.mean += part.weight * part.mean;
    interval.n = &part == parts.data() ? part.n : std::min(interval.n, part.n);
    if (part.n < 2) {
      is_known = false;
      continue;
    }
    const auto count = static_cast<double>(part.n);
    const double of_one = part.weight * part.weight * part.deviation * part.deviation;
    one_pair += of_one;
    variance += of_one / count;
    squares += of_one / count * (of_one / count) / (count - 1);
  }
  if (interval.n == 0) {
    interval.mean = kUnknown;
  }
  if (!is_known) {
    return interval;
  }
  interval.deviation = std::sqrt(one_pair);
  const double half =
      squares > 0 ? student_t(probability, variance * variance / squares) * std::sqrt(variance) : 0;
  interval.lo = interval.mean - half;
  interval.hi = interval.mean + half;
  return interval;
}

std::optional<std::size_t> pairs_to_resolve(const Interval& difference, double confidence) {
  constexpr double kPower = 0.8;
  const double probability = two_sided(confidence);
  if (!difference.is_bounded() || !(std::abs(difference.mean) > 0)) {
    return std::nullopt;
  }
  // Falls with the number of pairs, so that the first one that will do is found by halving.
  const auto is_enough = [&](std::size_t pairs) {
    const auto count = static_cast<double>(pairs);
    const double away = student_t(probability, count - 1) + student_t(kPower, count - 1);
    return away * difference.deviation / std::sqrt(count) <= std::abs(difference.mean);
  };
  if (!is_enough(kMostPairs)) {
    return std::nullopt;
  }
  std::size_t low = 2;
  std::size_t high = kMostPairs;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (is_enough(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

}  // namespace gpreempt::study
