#include "calibration/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "calibration/costs.h"
#include "calibration/linear.h"
#include "calibration/sample.h"
#include "core/error.h"
#include "core/random.h"

namespace gpreempt::calibration {
namespace {

using Key = std::tuple<std::string, std::string, Seen, Costs, double>;

std::string grace_name(const CallSample& sample) {
  return sample.grace_units ? fmt::format("{}", *sample.grace_units) : "default";
}

/// The median of all but one of them. Shape: sorted, two at least, `value` among them.
double median_without(const std::vector<double>& sorted, double value) {
  const auto rank = static_cast<std::size_t>(std::lower_bound(sorted.begin(), sorted.end(), value) -
                                             sorted.begin());
  const std::size_t left = sorted.size() - 1;
  const auto at = [&](std::size_t i) { return sorted[i < rank ? i : i + 1]; };
  return left % 2 == 1 ? at(left / 2) : (at(left / 2 - 1) + at(left / 2)) / 2;
}

/// The kinds of things that a repetition showed, in rising order.
using Pattern = std::vector<Seen>;

Pattern pattern_of(const Repetition& repetition) {
  Pattern pattern;
  for (const Residual& residual : repetition) {
    pattern.push_back(residual.seen);
  }
  return pattern;
}

/// Settings with a single observation say nothing of noise.
bool says_something(const Observations& observations, const Repetition& repetition) {
  return std::ranges::all_of(repetition, [&](const Residual& residual) {
    return observations.settings[residual.setting].seen_ns.size() > 1;
  });
}

/// Noise of each kind has its median at 0 among those that are drawn from: what they have in common
/// is a cost, or what the fit got wrong.
void centre_columns(Matrix& pool) {
  const std::size_t columns = pool.empty() ? 0 : pool.front().size();
  for (std::size_t k = 0; k < columns; ++k) {
    std::vector<double> column;
    column.reserve(pool.size());
    for (const std::vector<double>& noise : pool) {
      column.push_back(noise[k]);
    }
    const double middle = median_in_place(column);
    for (std::vector<double>& noise : pool) {
      noise[k] -= middle;
    }
  }
}

/// Noise of repetitions that showed at least what `pattern` has, in its order.
Matrix pool_of(const Observations& observations, const Pattern& pattern) {
  Matrix pool;
  for (const Repetition& repetition : observations.repetitions) {
    const Pattern own = pattern_of(repetition);
    if (!says_something(observations, repetition) ||
        !std::includes(own.begin(), own.end(), pattern.begin(), pattern.end())) {
      continue;
    }
    std::vector<double>& noise = pool.emplace_back();
    for (const Residual& each : repetition) {
      if (std::binary_search(pattern.begin(), pattern.end(), each.seen)) {
        noise.push_back(each.ns);
      }
    }
  }
  centre_columns(pool);
  return pool;
}

}  // namespace

double Setting::median_ns() const {
  std::vector<double> copy = seen_ns;
  return median_in_place(copy);
}

double median_in_place(std::vector<double>& values) {
  GPREEMPT_CHECK(!values.empty());
  const std::size_t half = values.size() / 2;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(half);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) {
    return *middle;
  }
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

Observations observe(std::span<const CallSample> samples, const Setup& setup) {
  Observations result;
  std::map<Key, std::size_t> index;
  for (const CallSample& sample : samples) {
    const std::vector<Equation> equations = equations_of(sample, setup);
    ++(equations.empty() ? result.left_out : result.used);
    Repetition repetition;
    for (const Equation& each : equations) {
      const auto [entry, is_new] =
          index.emplace(Key(sample.place, grace_name(sample), each.seen, each.terms, each.known_ns),
                        result.settings.size());
      if (is_new) {
        result.settings.push_back({.place = sample.place,
                                   .grace = grace_name(sample),
                                   .seen = each.seen,
                                   .terms = each.terms,
                                   .known_ns = each.known_ns,
                                   .seen_ns = {}});
      }
      result.settings[entry->second].seen_ns.push_back(each.seen_ns);
      repetition.push_back({.setting = entry->second, .seen = each.seen, .seen_ns = each.seen_ns});
    }
    if (!repetition.empty()) {
      result.repetitions.push_back(std::move(repetition));
    }
  }
  return result;
}

void centre_without_itself(Observations& observations) {
  std::vector<std::vector<double>> sorted;
  for (const Setting& setting : observations.settings) {
    sorted.push_back(setting.seen_ns);
    std::sort(sorted.back().begin(), sorted.back().end());
  }
  for (Repetition& repetition : observations.repetitions) {
    for (Residual& each : repetition) {
      const std::vector<double>& values = sorted[each.setting];
      each.ns = values.size() < 2 ? 0 : each.seen_ns - median_without(values, each.seen_ns);
    }
  }
}

void centre(Observations& observations, const std::vector<double>& centres_ns) {
  GPREEMPT_CHECK(centres_ns.size() == observations.settings.size());
  for (Repetition& repetition : observations.repetitions) {
    for (Residual& each : repetition) {
      each.ns = each.seen_ns - centres_ns[each.setting];
    }
  }
}

std::vector<std::size_t> pool_sizes(const Observations& observations) {
  std::map<Pattern, std::size_t> sizes;
  std::vector<std::size_t> fewest(observations.settings.size(), observations.repetitions.size());
  for (const Repetition& repetition : observations.repetitions) {
    const Pattern pattern = pattern_of(repetition);
    auto found = sizes.find(pattern);
    if (found == sizes.end()) {
      found = sizes.emplace(pattern, pool_of(observations, pattern).size()).first;
    }
    for (const Residual& each : repetition) {
      fewest[each.setting] = std::min(fewest[each.setting], found->second);
    }
  }
  return fewest;
}

std::vector<std::vector<double>> draw_medians(const Observations& observations, std::size_t draws,
                                              std::uint64_t seed, double resolution_ns) {
  std::map<Pattern, Matrix> pools;
  std::vector<const Matrix*> pool_of_each;
  for (const Repetition& repetition : observations.repetitions) {
    const Pattern pattern = pattern_of(repetition);
    const auto found = pools.find(pattern);
    pool_of_each.push_back(
        found != pools.end()
            ? &found->second
            : &pools.emplace(pattern, pool_of(observations, pattern)).first->second);
  }
  RandomStream random(seed, "calibration/noise");
  std::vector<std::vector<double>> medians;
  std::vector<std::vector<double>> drawn(observations.settings.size());
  for (std::size_t draw = 0; draw < draws; ++draw) {
    for (std::vector<double>& each : drawn) {
      each.clear();
    }
    for (std::size_t i = 0; i < observations.repetitions.size(); ++i) {
      const Matrix& pool = *pool_of_each[i];
      const Repetition& mine = observations.repetitions[i];
      const std::size_t pick = pool.empty() ? 0 : random.below(pool.size());
      for (std::size_t k = 0; k < mine.size(); ++k) {
        drawn[mine[k].setting].push_back(pool.empty() ? 0 : pool[pick][k]);
      }
    }
    std::vector<double>& row = medians.emplace_back();
    for (std::vector<double>& each : drawn) {
      row.push_back(median_in_place(each) + resolution_ns * random.normal());
    }
  }
  return medians;
}

}  // namespace gpreempt::calibration
