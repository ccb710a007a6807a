#include "study/analysis/effects.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "study/analysis/interval.h"
#include "study/analysis/samples.h"
#include "study/table.h"

namespace gpreempt::study {
namespace {

using Points = std::vector<std::size_t>;

/// The points with samples, by their level of a factor.
std::map<std::size_t, Points> by_level(const Samples& samples, std::size_t factor,
                                       std::size_t metric) {
  std::map<std::size_t, Points> levels;
  const std::vector<Point>& points = samples.table().points;
  for (std::size_t point = 0; point < points.size(); ++point) {
    if (samples.has(point, metric)) {
      levels[points[point].levels[factor]].push_back(point);
    }
  }
  return levels;
}

/// Whether each level meets every level of each other factor equally often, so that a difference
/// between levels is not one of the others.
bool is_balanced(const Table& table, const std::map<std::size_t, Points>& levels,
                 std::size_t factor) {
  for (std::size_t other = 0; other < table.factors.size(); ++other) {
    if (other == factor) {
      continue;
    }
    std::set<std::map<std::size_t, std::size_t>> counts;
    for (const auto& [level, points] : levels) {
      std::map<std::size_t, std::size_t> count;
      for (const std::size_t point : points) {
        ++count[table.points[point].levels[other]];
      }
      counts.insert(std::move(count));
    }
    if (counts.size() > 1) {
      return false;
    }
  }
  return true;
}

bool is_full_grid(const Table& table, std::size_t points) {
  std::size_t product = 1;
  for (std::size_t factor = 0; factor < table.factors.size(); ++factor) {
    std::set<std::size_t> used;
    for (const Point& point : table.points) {
      used.insert(point.levels[factor]);
    }
    product *= used.size();
  }
  return product == table.points.size() && points == table.points.size();
}

/// Part of the variation between point means that the levels' means make up.
std::optional<double> share_of(const Samples& samples, const std::map<std::size_t, Points>& levels,
                               std::size_t metric) {
  std::map<std::size_t, double> means;
  double grand = 0;
  for (const auto& [level, points] : levels) {
    for (const std::size_t point : points) {
      means[point] = samples.estimate({{point, 1.0}}, metric).mean;
      grand += means[point];
    }
  }
  grand /= static_cast<double>(means.size());
  double total = 0;
  double own = 0;
  for (const auto& [level, points] : levels) {
    double sum = 0;
    for (const std::size_t point : points) {
      sum += means[point];
      total += (means[point] - grand) * (means[point] - grand);
    }
    const auto count = static_cast<double>(points.size());
    own += count * (sum / count - grand) * (sum / count - grand);
  }
  return total > 0 && is_full_grid(samples.table(), means.size()) ? std::optional(own / total)
                                                                  : std::nullopt;
}

/// A factor's levels with samples; none if nothing can be said about it.
std::map<std::size_t, Points> usable_levels(const Samples& samples, std::size_t factor,
                                            std::size_t metric) {
  std::map<std::size_t, Points> levels = by_level(samples, factor, metric);
  if (levels.size() < 2 || !is_balanced(samples.table(), levels, factor)) {
    levels.clear();
  }
  return levels;
}

}  // namespace

std::vector<MainEffect> main_effects(const Samples& samples) {
  const Table& table = samples.table();
  std::vector<MainEffect> effects;
  for (std::size_t metric = 0; metric < table.metrics.size(); ++metric) {
    for (std::size_t factor = 0; factor < table.factors.size(); ++factor) {
      const std::map<std::size_t, Points> levels = usable_levels(samples, factor, metric);
      if (levels.empty()) {
        continue;
      }
      Points all;
      for (const auto& [level, points] : levels) {
        all.insert(all.end(), points.begin(), points.end());
      }
      MainEffect effect{.factor = factor,
                        .metric = metric,
                        .levels = {},
                        .range = 0,
                        .share_explained = share_of(samples, levels, metric)};
      for (const auto& [level, points] : levels) {
        const Contrast mean = mean_of(points);
        effect.levels.push_back(
            {.level = level,
             .mean = samples.estimate(mean, metric),
             .effect = samples.estimate(difference(mean_of(all), mean), metric)});
      }
      const auto by_mean = [](const LevelEffect& one) { return one.mean.mean; };
      const auto [least, most] = std::ranges::minmax_element(effect.levels, {}, by_mean);
      effect.range = most->mean.mean - least->mean.mean;
      effects.push_back(std::move(effect));
    }
  }
  return effects;
}

namespace {

/// `levels`: not empty.
Swing swing_of(const Samples& samples, std::size_t factor, std::size_t metric,
               const std::map<std::size_t, Points>& levels) {
  Swing swing{.factor = factor,
              .metric = metric,
              .low = 0,
              .high = 0,
              .at_first = {},
              .at_last = {},
              .swing = {},
              .range = 0};
  double least = std::numeric_limits<double>::infinity();
  double most = -least;
  for (const auto& [level, points] : levels) {
    const double mean = samples.estimate(mean_of(points), metric).mean;
    if (mean < least) {
      least = mean;
      swing.low = level;
    }
    if (mean > most) {
      most = mean;
      swing.high = level;
    }
  }
  const Contrast at_first = mean_of(levels.begin()->second);
  const Contrast at_last = mean_of(levels.rbegin()->second);
  swing.range = most - least;
  swing.at_first = samples.estimate(at_first, metric);
  swing.at_last = samples.estimate(at_last, metric);
  swing.swing = samples.estimate(difference(at_first, at_last), metric);
  return swing;
}

}  // namespace

std::vector<Swing> tornado(const Samples& samples) {
  const Table& table = samples.table();
  std::vector<Swing> swings;
  for (std::size_t metric = 0; metric < table.metrics.size(); ++metric) {
    const std::size_t first = swings.size();
    for (std::size_t factor = 0; factor < table.factors.size(); ++factor) {
      const std::map<std::size_t, Points> levels = table.factors[factor].prior
                                                       ? usable_levels(samples, factor, metric)
                                                       : std::map<std::size_t, Points>{};
      if (levels.empty()) {
        continue;
      }
      swings.push_back(swing_of(samples, factor, metric, levels));
    }
    std::sort(swings.begin() + static_cast<std::ptrdiff_t>(first), swings.end(),
              [](const Swing& a, const Swing& b) {
                return a.range != b.range ? a.range > b.range : a.factor < b.factor;
              });
  }
  return swings;
}

}  // namespace gpreempt::study
