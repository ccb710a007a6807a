#include "study/analysis/choices.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "study/analysis/conclusions.h"
#include "study/analysis/interval.h"
#include "study/analysis/samples.h"

namespace gpreempt::study {
namespace {

/// A configuration's mean over those of its points that have a sample of every metric named.
Contrast mean_of_both(const Samples& samples, const Configuration& one, std::size_t x,
                      std::size_t y) {
  std::vector<std::size_t> points;
  std::ranges::copy_if(one.points, std::back_inserter(points), [&](std::size_t point) {
    return samples.has(point, x) && samples.has(point, y);
  });
  return mean_of(points);
}

/// What is known of the sign of a difference.
struct Sign {
  bool certainly_not_above = false;
  bool certainly_below = false;
  bool possibly_not_above = true;
  bool possibly_below = true;
};
Sign sign_of(const Interval& difference) {
  if (!difference.is_bounded()) {
    return {};
  }
  return {.certainly_not_above = difference.hi <= 0,
          .certainly_below = difference.hi < 0,
          .possibly_not_above = difference.lo <= 0,
          .possibly_below = difference.lo < 0};
}

enum class Beats { kCertainly, kPossibly, kNot };
Beats beats(const Sign& x, const Sign& y) {
  if (x.certainly_not_above && y.certainly_not_above && (x.certainly_below || y.certainly_below)) {
    return Beats::kCertainly;
  }
  const bool possible =
      x.possibly_not_above && y.possibly_not_above && (x.possibly_below || y.possibly_below);
  return possible ? Beats::kPossibly : Beats::kNot;
}

std::vector<const Judgement*> of_limit(std::span<const Judgement> judgements, std::size_t limit) {
  std::vector<const Judgement*> found;
  for (const Judgement& one : judgements) {
    if (one.limit == limit) {
      found.push_back(&one);
    }
  }
  return found;
}

/// Of a configuration, the least sure verdict over the required limits.
LimitVerdict required_verdict(std::span<const Limit> limits, std::span<const Judgement> judgements,
                              std::size_t configuration) {
  LimitVerdict verdict = LimitVerdict::kMet;
  for (const Judgement& one : judgements) {
    if (one.configuration != configuration || !limits[one.limit].is_required) {
      continue;
    }
    if (one.verdict == LimitVerdict::kMissed) {
      return LimitVerdict::kMissed;
    }
    if (one.verdict == LimitVerdict::kNotResolvable) {
      verdict = LimitVerdict::kNotResolvable;
    }
  }
  return verdict;
}

/// A configuration that meets a limit, and what it costs.
struct Candidate {
  std::size_t configuration = 0;
  Interval value;
  Interval price;
  Contrast cost;
};

/// Makes a configuration a candidate, or one that may meet the limit, or neither.
void admit(const Judgement& judgement, LimitVerdict required, Candidate candidate,
           std::vector<Candidate>& candidates, Cheapest& choice) {
  if (judgement.verdict == LimitVerdict::kMissed || required == LimitVerdict::kMissed ||
      !judgement.value.has_mean()) {
    return;
  }
  if (judgement.verdict == LimitVerdict::kMet && required == LimitVerdict::kMet &&
      !candidate.cost.empty()) {
    candidates.push_back(std::move(candidate));
  } else {
    choice.possible.push_back(judgement.configuration);
  }
}

/// The least costly one into `choice`, and those that may cost as little.
void choose(const Samples& samples, std::span<const Candidate> candidates, Cheapest& choice) {
  const auto least =
      std::ranges::min_element(candidates, {}, [](const Candidate& one) { return one.price.mean; });
  if (least == candidates.end()) {
    return;
  }
  choice.configuration = least->configuration;
  choice.value = least->value;
  choice.price = least->price;
  for (const Candidate& other : candidates) {
    const Interval more = samples.estimate(difference(least->cost, other.cost), choice.cost);
    if (&other != &*least && !more.is_above(0)) {
      choice.ties.push_back(other.configuration);
    }
  }
}

}  // namespace

const char* to_string(OnFront on) {
  switch (on) {
    case OnFront::kCertainly: return "certainly";
    case OnFront::kPossibly: return "possibly";
    case OnFront::kNo: return "no";
  }
  return "?";
}

ParetoFront pareto_front(const Samples& samples, std::span<const Configuration> configurations,
                         std::size_t x, std::size_t y) {
  ParetoFront front{.x = x, .y = y, .points = {}};
  std::vector<Contrast> means;
  for (std::size_t i = 0; i < configurations.size(); ++i) {
    Contrast mean = mean_of_both(samples, configurations[i], x, y);
    if (!mean.empty()) {
      front.points.push_back({.configuration = i,
                              .x = samples.estimate(mean, x),
                              .y = samples.estimate(mean, y),
                              .on = OnFront::kCertainly});
      means.push_back(std::move(mean));
    }
  }
  const auto given_of = [&](std::size_t i) -> const Setting& {
    return configurations[front.points[i].configuration].given;
  };
  for (std::size_t i = 0; i < means.size(); ++i) {
    OnFront& on = front.points[i].on;
    for (std::size_t other = 0; other < means.size() && on != OnFront::kNo; ++other) {
      if (other == i || given_of(other) != given_of(i)) {
        continue;
      }
      const Contrast less = difference(means[i], means[other]);
      const Beats beaten =
          beats(sign_of(samples.estimate(less, x)), sign_of(samples.estimate(less, y)));
      if (beaten == Beats::kCertainly) {
        on = OnFront::kNo;
      } else if (beaten == Beats::kPossibly) {
        on = OnFront::kPossibly;
      }
    }
  }
  return front;
}

namespace {

std::vector<Setting> settings_of(std::span<const Configuration> configurations) {
  std::vector<Setting> all;
  for (const Configuration& one : configurations) {
    if (std::ranges::find(all, one.given) == all.end()) {
      all.push_back(one.given);
    }
  }
  return all;
}

std::vector<const Judgement*> of_setting(std::vector<const Judgement*> judged,
                                         std::span<const Configuration> configurations,
                                         const Setting& given) {
  std::erase_if(judged, [&](const Judgement* one) {
    return configurations[one->configuration].given != given;
  });
  return judged;
}

}  // namespace

std::vector<Cheapest> cheapest(const Samples& samples,
                               std::span<const Configuration> configurations,
                               std::span<const Limit> limits, std::span<const Judgement> judgements,
                               Choice choice) {
  const std::vector<Setting> all_given = settings_of(configurations);
  std::vector<Cheapest> all;
  for (std::size_t limit = 0; limit < limits.size(); ++limit) {
    const std::vector<const Judgement*> judged = of_limit(judgements, limit);
    if (judged.empty() || judged.front()->metric != choice.judged || limits[limit].is_required) {
      continue;
    }
    for (const Setting& given : all_given) {
      Cheapest one{.limit = limit, .given = given, .cost = choice.cost};
      std::vector<Candidate> candidates;
      for (const Judgement* judgement : of_setting(judged, configurations, given)) {
        const Configuration& configuration = configurations[judgement->configuration];
        Contrast cost = mean_of_both(samples, configuration, choice.judged, choice.cost);
        const Interval price = samples.estimate(cost, choice.cost);
        admit(*judgement, required_verdict(limits, judgements, judgement->configuration),
              {.configuration = judgement->configuration,
               .value = judgement->value,
               .price = price,
               .cost = std::move(cost)},
              candidates, one);
      }
      choose(samples, candidates, one);
      all.push_back(std::move(one));
    }
  }
  return all;
}

}  // namespace gpreempt::study
