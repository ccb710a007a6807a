#include "study/analysis/samples.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "core/error.h"
#include "study/analysis/interval.h"
#include "study/table.h"

namespace gpreempt::study {
namespace {

using BySeed = std::map<std::uint64_t, double>;

}  // namespace

Samples::Samples(const Table& table, bool paired, double confidence)
    : table_(&table),
      paired_(paired),
      confidence_(confidence),
      runs_(table.points.size()),
      values_(table.points.size(), std::vector<BySeed>(table.metrics.size())) {
  for (const Run& run : table.runs) {
    ++runs_.at(run.point);
    GPREEMPT_CHECK(run.values.size() == table.metrics.size());
    for (std::size_t metric = 0; metric < run.values.size(); ++metric) {
      if (!std::isnan(run.values[metric])) {
        values_[run.point][metric][run.seed] = run.values[metric];
      }
    }
  }
}

bool Samples::has(std::size_t point, std::size_t metric) const {
  return !values_.at(point).at(metric).empty();
}

Interval Samples::estimate(const Contrast& contrast, std::size_t metric) const {
  const bool is_there = !contrast.empty() && std::ranges::all_of(contrast, [&](const auto& part) {
    return has(part.first, metric);
  });
  if (!is_there) {
    return mean_interval({}, confidence_);
  }
  return paired_ ? estimate_paired(contrast, metric) : estimate_apart(contrast, metric);
}

Interval Samples::estimate_paired(const Contrast& contrast, std::size_t metric) const {
  std::vector<double> sums;
  for (const auto& [seed, ignored] : values_[contrast.begin()->first][metric]) {
    double sum = 0;
    double size = 0;
    bool is_whole = true;
    for (const auto& [point, weight] : contrast) {
      const BySeed& samples = values_[point][metric];
      const auto found = samples.find(seed);
      is_whole = is_whole && found != samples.end();
      if (!is_whole) {
        break;
      }
      sum += weight * found->second;
      size += std::abs(weight * found->second);
    }
    if (is_whole) {
      // Equal values must cancel: what rounding leaves of them is no difference.
      constexpr double kRounding = 1e-12;
      sums.push_back(std::abs(sum) <= kRounding * size ? 0 : sum);
    }
  }
  return mean_interval(sums, confidence_);
}

Interval Samples::estimate_apart(const Contrast& contrast, std::size_t metric) const {
  std::vector<WeightedMean> parts;
  for (const auto& [point, weight] : contrast) {
    std::vector<double> samples;
    for (const auto& [seed, value] : values_[point][metric]) {
      samples.push_back(value);
    }
    const Interval one = mean_interval(samples, confidence_);
    parts.push_back({.weight = weight, .mean = one.mean, .deviation = one.deviation, .n = one.n});
  }
  return welch_interval(parts, confidence_);
}

Contrast mean_of(std::span<const std::size_t> points) {
  Contrast contrast;
  for (const std::size_t point : points) {
    contrast[point] += 1.0 / static_cast<double>(points.size());
  }
  return contrast;
}

Contrast difference(const Contrast& a, const Contrast& b) {
  Contrast contrast = b;
  for (const auto& [point, weight] : a) {
    contrast[point] -= weight;
  }
  return contrast;
}

std::vector<Configuration> configurations(const Table& table) {
  std::vector<Configuration> all;
  std::map<Setting, std::size_t> known;
  for (std::size_t point = 0; point < table.points.size(); ++point) {
    Setting setting;
    for (std::size_t factor = 0; factor < table.factors.size(); ++factor) {
      if (!table.factors[factor].prior) {
        setting.emplace_back(factor, table.points[point].levels.at(factor));
      }
    }
    const auto [place, is_new] = known.emplace(setting, all.size());
    if (is_new) {
      all.push_back({.setting = std::move(setting), .points = {}});
    }
    all[place->second].points.push_back(point);
  }
  return all;
}

}  // namespace gpreempt::study
