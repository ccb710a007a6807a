#include "study/analysis/conclusions.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "study/analysis/interval.h"
#include "study/analysis/samples.h"
#include "study/table.h"

namespace gpreempt::study {
namespace {

/// Configurations that differ in one factor only, by its level.
struct Row {
  Setting at;
  std::map<std::size_t, std::size_t> levels;  ///< to the configuration
};

std::vector<Row> rows_of(std::span<const Configuration> all, std::size_t factor) {
  std::vector<Row> rows;
  std::map<Setting, std::size_t> known;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Setting at = all[i].setting;
    const auto own = std::ranges::find(at, factor, &Setting::value_type::first);
    const std::size_t level = own->second;
    at.erase(own);
    const auto [place, is_new] = known.emplace(at, rows.size());
    if (is_new) {
      rows.push_back({.at = std::move(at), .levels = {}});
    }
    rows[place->second].levels.emplace(level, i);
  }
  return rows;
}

/// The levels of the priors at a point.
std::vector<std::size_t> priors_at(const Table& table, std::size_t point) {
  std::vector<std::size_t> levels;
  for (std::size_t factor = 0; factor < table.factors.size(); ++factor) {
    if (table.factors[factor].prior) {
      levels.push_back(table.points[point].levels[factor]);
    }
  }
  return levels;
}

/// The points of both with samples, where the priors are the same.
struct Matched {
  std::vector<std::size_t> a;
  std::vector<std::size_t> b;
};
Matched match(const Samples& samples, const Configuration& a, const Configuration& b,
              std::size_t metric) {
  std::map<std::vector<std::size_t>, std::size_t> others;
  for (const std::size_t point : b.points) {
    others.emplace(priors_at(samples.table(), point), point);
  }
  Matched matched;
  for (const std::size_t point : a.points) {
    const auto other = others.find(priors_at(samples.table(), point));
    if (other != others.end() && samples.has(point, metric) && samples.has(other->second, metric)) {
      matched.a.push_back(point);
      matched.b.push_back(other->second);
    }
  }
  return matched;
}

Comparison compare_two(const Samples& samples, const Configuration& a, const Configuration& b,
                       std::size_t metric) {
  const Matched matched = match(samples, a, b, metric);
  const Contrast mean_a = mean_of(matched.a);
  const Contrast mean_b = mean_of(matched.b);
  Comparison one;
  one.metric = metric;
  one.contrast = difference(mean_a, mean_b);
  one.a_mean = samples.estimate(mean_a, metric);
  one.b_mean = samples.estimate(mean_b, metric);
  one.difference = samples.estimate(one.contrast, metric);
  if (one.difference.is_below(0)) {
    one.verdict = Verdict::kLower;
  } else if (one.difference.is_above(0)) {
    one.verdict = Verdict::kHigher;
  } else {
    one.pairs_needed = pairs_to_resolve(one.difference, samples.confidence());
  }
  return one;
}

/// Which levels of a row are put side by side.
std::vector<std::pair<std::size_t, std::size_t>> pairs_of(const Row& row) {
  constexpr std::size_t kAllPairs = 6;
  std::vector<std::size_t> levels;
  levels.reserve(row.levels.size());
  for (const auto& [level, ignored] : row.levels) {
    levels.push_back(level);
  }
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t b = 1; b < levels.size(); ++b) {
    for (std::size_t a = 0; a < b; ++a) {
      if (levels.size() <= kAllPairs || a == 0 || a + 1 == b) {
        pairs.emplace_back(levels[a], levels[b]);
      }
    }
  }
  return pairs;
}

std::optional<std::size_t> index_of(const Table& table, const std::string& metric) {
  const auto found = std::ranges::find(table.metrics, metric);
  if (found == table.metrics.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - table.metrics.begin());
}

/// The levels of a row side by side, in every metric; notes which configurations were compared.
std::vector<Comparison> compare_row(const Samples& samples, std::span<const Configuration> all,
                                    std::size_t factor, const Row& row,
                                    std::set<std::size_t>& compared) {
  std::vector<Comparison> comparisons;
  for (const auto& [a, b] : pairs_of(row)) {
    const std::size_t of_a = row.levels.at(a);
    const std::size_t of_b = row.levels.at(b);
    compared.insert({of_a, of_b});
    for (std::size_t metric = 0; metric < samples.table().metrics.size(); ++metric) {
      Comparison one = compare_two(samples, all[of_a], all[of_b], metric);
      one.factor = factor;
      one.a = a;
      one.b = b;
      one.at = row.at;
      comparisons.push_back(std::move(one));
    }
  }
  return comparisons;
}

}  // namespace

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kLower: return "lower";
    case Verdict::kHigher: return "higher";
    case Verdict::kNotResolvable: return "not resolvable";
  }
  return "?";
}

const char* to_string(LimitVerdict verdict) {
  switch (verdict) {
    case LimitVerdict::kMet: return "met";
    case LimitVerdict::kMissed: return "missed";
    case LimitVerdict::kNotResolvable: return "not resolvable";
  }
  return "?";
}

std::vector<Comparison> compare(const Samples& samples) {
  const Table& table = samples.table();
  const std::vector<Configuration> all = configurations(table);
  std::vector<Comparison> comparisons;
  std::set<std::size_t> compared;
  for (std::size_t factor = 0; factor < table.factors.size(); ++factor) {
    if (table.factors[factor].prior) {
      continue;
    }
    for (const Row& row : rows_of(all, factor)) {
      std::ranges::move(compare_row(samples, all, factor, row, compared),
                        std::back_inserter(comparisons));
    }
  }
  for (std::size_t other = 1; other < all.size(); ++other) {
    for (std::size_t metric = 0; !compared.contains(other) && metric < table.metrics.size();
         ++metric) {
      Comparison one = compare_two(samples, all.front(), all[other], metric);
      one.a = 0;
      one.b = other;
      comparisons.push_back(std::move(one));
    }
  }
  return comparisons;
}

LimitVerdict judge(const Interval& value, const Limit& limit) {
  if (value.is_bounded() && value.hi <= limit.at_most) {
    return LimitVerdict::kMet;
  }
  return value.is_above(limit.at_most) ? LimitVerdict::kMissed : LimitVerdict::kNotResolvable;
}

std::vector<Judgement> judge_all(const Samples& samples,
                                 std::span<const Configuration> configurations,
                                 std::span<const Limit> limits) {
  std::vector<Judgement> judgements;
  for (std::size_t limit = 0; limit < limits.size(); ++limit) {
    const std::optional<std::size_t> metric = index_of(samples.table(), limits[limit].metric);
    for (std::size_t i = 0; metric && i < configurations.size(); ++i) {
      Judgement one{.configuration = i,
                    .limit = limit,
                    .metric = *metric,
                    .value = mean_over(samples, configurations[i], *metric),
                    .verdict = LimitVerdict::kNotResolvable};
      one.verdict = judge(one.value, limits[limit]);
      judgements.push_back(one);
    }
  }
  return judgements;
}

}  // namespace gpreempt::study
