#include "study/stopping.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "study/study_file.h"

namespace gpreempt::study {
namespace {

std::vector<double> present(std::span<const double> values) {
  std::vector<double> there;
  std::ranges::copy_if(values, std::back_inserter(there), [](double v) { return !std::isnan(v); });
  return there;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  return sum / static_cast<double>(values.size());
}

}  // namespace

std::optional<double> half_width(std::span<const double> values, double confidence) {
  const std::vector<double> there = present(values);
  if (there.size() < 2) {
    return std::nullopt;
  }
  const auto count = static_cast<double>(there.size());
  const double mean = mean_of(there);
  double squares = 0;
  for (const double value : there) {
    squares += (value - mean) * (value - mean);
  }
  const boost::math::students_t student(count - 1);
  const double t = boost::math::quantile(student, (1 + confidence) / 2);
  return t * std::sqrt(squares / (count - 1) / count);
}

bool is_narrow(std::span<const double> values, const Until& until) {
  const std::optional<double> half = half_width(values, until.confidence);
  if (!half) {
    return false;
  }
  const double limit =
      until.half_width * (until.relative ? std::abs(mean_of(present(values))) : 1.0);
  return *half <= limit;
}

std::uint32_t next_look(std::uint32_t runs, std::uint32_t max) {
  constexpr std::uint32_t kPart = 4;
  return std::min(max, runs + std::max(1U, runs / kPart));
}

}  // namespace gpreempt::study
