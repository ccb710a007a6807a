#include "study/analysis/fragile.h"

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "study/analysis/conclusions.h"
#include "study/analysis/interval.h"
#include "study/analysis/samples.h"
#include "study/table.h"

namespace gpreempt::study {
namespace {

/// A contrast's estimate at one level of a prior, over all levels of the other priors.
struct AtLevel {
  std::size_t level = 0;
  Interval value;
};

/// A contrast's points with one level of `factor`, with weights as if these were all.
std::vector<AtLevel> split_by_level(const Samples& samples, const Contrast& contrast,
                                    std::size_t factor, std::size_t metric) {
  std::map<std::size_t, Contrast> parts;
  for (const auto& [point, weight] : contrast) {
    parts[samples.table().points[point].levels[factor]][point] = weight;
  }
  std::vector<AtLevel> levels;
  double whole = 0;
  for (const auto& [point, weight] : contrast) {
    whole += weight > 0 ? weight : 0;
  }
  for (auto& [level, part] : parts) {
    double size = 0;
    for (const auto& [point, weight] : part) {
      size += weight > 0 ? weight : 0;
    }
    for (auto& [point, weight] : part) {
      weight *= whole / size;
    }
    levels.push_back({.level = level, .value = samples.estimate(part, metric)});
  }
  return levels;
}

/// Which side of a bound a conclusion is on.
enum class Side { kBelow, kAbove };
bool is_on(const Interval& value, Side side, double bound) {
  return side == Side::kBelow ? value.is_below(bound) : value.is_above(bound);
}
bool is_mean_on(const Interval& value, Side side, double bound) {
  return value.has_mean() && (side == Side::kBelow ? value.mean < bound : value.mean > bound);
}

struct Flip {
  AtLevel at;
  bool is_resolved = false;
};
std::optional<Flip> flip_of(std::span<const AtLevel> levels, Side concluded, double bound) {
  const Side other = concluded == Side::kBelow ? Side::kAbove : Side::kBelow;
  for (const AtLevel& one : levels) {
    if (is_on(one.value, other, bound)) {
      return Flip{.at = one, .is_resolved = true};
    }
  }
  for (const AtLevel& one : levels) {
    if (is_mean_on(one.value, other, bound)) {
      return Flip{.at = one, .is_resolved = false};
    }
  }
  return std::nullopt;
}

/// Of what is not resolvable on the whole: the first level that contradicts, for sure, the first
/// one that says something for sure.
std::optional<Flip> contradiction_of(std::span<const AtLevel> levels, double bound) {
  std::optional<Side> said;
  for (const AtLevel& one : levels) {
    for (const Side side : {Side::kBelow, Side::kAbove}) {
      if (!is_on(one.value, side, bound)) {
        continue;
      }
      if (said && *said != side) {
        return Flip{.at = one, .is_resolved = true};
      }
      said = side;
    }
  }
  return std::nullopt;
}

std::optional<Side> side_of(const Comparison& one) {
  switch (one.verdict) {
    case Verdict::kLower: return Side::kBelow;
    case Verdict::kHigher: return Side::kAbove;
    case Verdict::kNotResolvable: break;
  }
  return std::nullopt;
}
std::optional<Side> side_of(const Judgement& one) {
  switch (one.verdict) {
    case LimitVerdict::kMet: return Side::kBelow;
    case LimitVerdict::kMissed: return Side::kAbove;
    case LimitVerdict::kNotResolvable: break;
  }
  return std::nullopt;
}

/// What is looked at: `contrast` of `metric` lies on one `side` of `bound`, or on none for sure.
struct Claim {
  ConclusionKind kind = ConclusionKind::kComparison;
  std::size_t index = 0;
  std::size_t metric = 0;
  std::optional<Side> side;
  double bound = 0;
};

void look_at(const Samples& samples, const Claim& claim, const Contrast& contrast,
             std::vector<Fragile>& found) {
  const Table& table = samples.table();
  for (std::size_t factor = 0; factor < table.factors.size(); ++factor) {
    if (!table.factors[factor].prior || contrast.empty()) {
      continue;
    }
    const std::vector<AtLevel> levels = split_by_level(samples, contrast, factor, claim.metric);
    const std::optional<Flip> flip = claim.side ? flip_of(levels, *claim.side, claim.bound)
                                                : contradiction_of(levels, claim.bound);
    if (flip) {
      found.push_back({.kind = claim.kind,
                       .index = claim.index,
                       .parameter = factor,
                       .level = flip->at.level,
                       .there = flip->at.value,
                       .is_resolved = flip->is_resolved});
    }
  }
}

}  // namespace

std::vector<Fragile> fragile_conclusions(const Samples& samples,
                                         std::span<const Comparison> comparisons,
                                         std::span<const Judgement> judgements,
                                         std::span<const Limit> limits,
                                         std::span<const Configuration> configurations) {
  std::vector<Fragile> found;
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    const Comparison& one = comparisons[i];
    look_at(samples,
            {.kind = ConclusionKind::kComparison,
             .index = i,
             .metric = one.metric,
             .side = side_of(one),
             .bound = 0},
            one.contrast, found);
  }
  for (std::size_t i = 0; i < judgements.size(); ++i) {
    const Judgement& one = judgements[i];
    look_at(samples,
            {.kind = ConclusionKind::kLimit,
             .index = i,
             .metric = one.metric,
             .side = side_of(one),
             .bound = limits[one.limit].at_most},
            mean_of(points_with(samples, configurations[one.configuration], one.metric)), found);
  }
  return found;
}

}  // namespace gpreempt::study
