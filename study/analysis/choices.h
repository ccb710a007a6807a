#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "study/analysis/conclusions.h"
#include "study/analysis/interval.h"
#include "study/analysis/samples.h"

/// Which configurations are worth choosing.
namespace gpreempt::study {

enum class OnFront { kCertainly, kPossibly, kNo };
[[nodiscard]] const char* to_string(OnFront on);

struct FrontPoint {
  std::size_t configuration = 0;
  Interval x;
  Interval y;
  OnFront on = OnFront::kPossibly;
};

/// Configurations of which none is better in both metrics, lower being better. One that another
/// certainly beats (by the intervals of their differences) is not on it; one that none can beat is
/// certainly on it; the rest possibly. Those without samples are left out.
struct ParetoFront {
  std::size_t x = 0;  ///< metric
  std::size_t y = 0;
  std::vector<FrontPoint> points;
};
[[nodiscard]] ParetoFront pareto_front(const Samples& samples,
                                       std::span<const Configuration> configurations, std::size_t x,
                                       std::size_t y);

/// The configuration that costs least among those that certainly meet a limit.
struct Cheapest {
  std::size_t limit = 0;
  std::size_t cost = 0;                      ///< metric
  std::optional<std::size_t> configuration;  ///< nullopt: none meets it certainly
  Interval value;                            ///< of the limit's metric
  Interval price;
  std::vector<std::size_t> ties;      ///< others that meet it and may cost as little
  std::vector<std::size_t> possible;  ///< that may or may not meet it
};
/// One for each limit on the metric `judged`, each among configurations that certainly meet it and
/// every required limit. `judgements`: of the same configurations and limits.
struct Choice {
  std::size_t judged = 0;  ///< metric
  std::size_t cost = 0;    ///< metric
};
[[nodiscard]] std::vector<Cheapest> cheapest(const Samples& samples,
                                             std::span<const Configuration> configurations,
                                             std::span<const Limit> limits,
                                             std::span<const Judgement> judgements, Choice choice);

}  // namespace gpreempt::study
