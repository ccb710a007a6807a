#include "experiments/sampled.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/proportion.h"
#include "core/stats.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {

Share median_share(const Sample& sample, double whole) {
  const std::optional<Quantile> median = sample.quantile(0.5, kConfidence);
  GPREEMPT_CHECK(median && whole > 0);
  return {.value = static_cast<double>(median->value) / whole,
          .lo = static_cast<double>(median->lo) / whole,
          .hi = static_cast<double>(median->hi) / whole,
          .bounded = median->bounded};
}

void add_quantiles(Verdict& verdict, std::string_view prefix, const Sample& sample) {
  if (sample.empty()) {
    return;
  }
  const auto add = [&](std::string_view key, double value) {
    verdict.numbers.emplace_back(fmt::format("{}{}", prefix, key), value);
  };
  add("count", static_cast<double>(sample.sorted().size()));
  constexpr std::array<std::pair<double, std::string_view>, 3> kQuantiles = {
      {{0.5, "p50"}, {0.95, "p95"}, {0.99, "p99"}}};
  for (const auto& [q, name] : kQuantiles) {
    const Quantile quantile = sample.quantile(q, kConfidence).value_or(Quantile{});
    add(fmt::format("{}_ns", name), static_cast<double>(quantile.value));
    add(fmt::format("{}_lo_ns", name), static_cast<double>(quantile.lo));
    add(fmt::format("{}_hi_ns", name), static_cast<double>(quantile.hi));
  }
  add("max_ns", static_cast<double>(sample.sorted().back()));
}

void add_extent(Verdict& verdict, std::string_view prefix, const Sample& sample) {
  if (sample.empty()) {
    return;
  }
  const Quantile median = sample.quantile(0.5, kConfidence).value_or(Quantile{});
  verdict.numbers.emplace_back(fmt::format("{}p50_ns", prefix), static_cast<double>(median.value));
  verdict.numbers.emplace_back(fmt::format("{}max_ns", prefix),
                               static_cast<double>(sample.sorted().back()));
}

void add_agreement(Verdict& verdict, std::size_t agreeing, std::size_t trials) {
  if (agreeing > 0) {
    verdict.confidence = kConfidence;
    verdict.numbers.emplace_back("agrees_at_least",
                                 proportion_at_least(agreeing, trials, kConfidence));
  }
}

Ratio median_ratio(const Sample& sample, const Sample& over) {
  constexpr double kEach = 1 - (1 - kConfidence) / 2;
  const std::optional<Quantile> above = sample.quantile(0.5, kEach);
  const std::optional<Quantile> below = over.quantile(0.5, kEach);
  GPREEMPT_CHECK(above && below && below->lo > 0);
  const auto quotient = [](std::int64_t one, std::int64_t other) {
    return static_cast<double>(one) / static_cast<double>(other);
  };
  return {.value = quotient(above->value, below->value),
          .lo = quotient(above->lo, below->hi),
          .hi = quotient(above->hi, below->lo),
          .bounded = above->bounded && below->bounded};
}

std::string words_of_ns(double ns) {
  constexpr std::array<std::pair<double, std::string_view>, 3> kUnits = {
      {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}}};
  for (const auto& [length, name] : kUnits) {
    if (std::abs(ns) >= length) {
      return fmt::format("{:.3g} {}", ns / length, name);
    }
  }
  return fmt::format("{:.3g} ns", ns);
}

Line fit_line(std::span<const double> x, std::span<const double> y) {
  GPREEMPT_CHECK(x.size() == y.size() && x.size() >= 2);
  const auto n = static_cast<double>(x.size());
  double mean_x = 0;
  double mean_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / n;
    mean_y += y[i] / n;
  }
  double xy = 0;
  double xx = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    xx += (x[i] - mean_x) * (x[i] - mean_x);
  }
  GPREEMPT_CHECK(xx > 0);
  const double slope = xy / xx;
  return {.slope = slope, .intercept = mean_y - slope * mean_x};
}

}  // namespace gpreempt::experiments
