#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "study/analysis/interval.h"
#include "study/analysis/samples.h"

/// How much each factor moves a metric.
namespace gpreempt::study {

struct LevelEffect {
  std::size_t level = 0;
  Interval mean;    ///< over the points with this level
  Interval effect;  ///< `mean` less the mean over all points
};

/// The textbook's main effect: what a factor does on average over all others. It says little where
/// factors interact, that is where `share_explained` of all factors falls well short of 1.
struct MainEffect {
  std::size_t factor = 0;
  std::size_t metric = 0;
  std::vector<LevelEffect> levels;
  double range = 0;  ///< largest level mean less the smallest
  /// Of the variation between the points' means, the part that this factor alone explains; nullopt
  /// in a design that is not a full grid with samples everywhere, or without variation.
  std::optional<double> share_explained;
};
/// Of factors with at least two levels.
[[nodiscard]] std::vector<MainEffect> main_effects(const Samples& samples);

/// How far a metric moves over the stated range of a model's parameter, on average over all else.
struct Swing {
  std::size_t factor = 0;
  std::size_t metric = 0;
  std::size_t low = 0;   ///< level with the smallest mean
  std::size_t high = 0;  ///< level with the largest
  Interval at_first;     ///< mean at the range's lower end
  Interval at_last;      ///< at its upper end
  Interval swing;        ///< from the first level to the last
  double range = 0;      ///< largest level mean less the smallest
};
/// By metric, the widest first. Factors that are no priors, or have one level, are left out.
[[nodiscard]] std::vector<Swing> tornado(const Samples& samples);

}  // namespace gpreempt::study
