#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "study/table.h"

namespace gpreempt::study {

/// No sample.
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Makes tables for tests: a full grid over `factors`, the last one changing first.
inline Table grid(std::vector<Factor> factors, std::vector<std::string> metrics) {
  Table table{
      .factors = std::move(factors), .metrics = std::move(metrics), .points = {}, .runs = {}};
  std::size_t count = 1;
  for (const Factor& factor : table.factors) {
    count *= factor.levels.size();
  }
  for (std::size_t i = 0; i < count; ++i) {
    Point point;
    std::size_t rest = i;
    for (auto factor = table.factors.rbegin(); factor != table.factors.rend(); ++factor) {
      point.levels.insert(point.levels.begin(), rest % factor->levels.size());
      rest /= factor->levels.size();
    }
    table.points.push_back(std::move(point));
  }
  return table;
}

/// Adds runs of a point with one metric: seeds 1, 2, ...
inline void add_runs(Table& table, std::size_t point, const std::vector<double>& values) {
  std::uint64_t seed = 0;
  for (const double value : values) {
    table.runs.push_back({.point = point, .seed = ++seed, .values = {value}});
  }
}

inline Factor factor(std::string name, std::vector<std::string> levels) {
  return {.name = std::move(name), .levels = std::move(levels), .prior = false, .evidence = ""};
}
inline Factor prior(std::string name, std::vector<std::string> levels) {
  return {.name = std::move(name), .levels = std::move(levels), .prior = true, .evidence = "guess"};
}

}  // namespace gpreempt::study
