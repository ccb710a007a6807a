#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "study/analysis/conclusions.h"
#include "study/analysis/interval.h"
#include "study/analysis/samples.h"

/// Which conclusions hang on a guess.
namespace gpreempt::study {

enum class ConclusionKind { kComparison, kLimit };

/// A conclusion that is another one if a model's parameter has a value within its stated range.
struct Fragile {
  ConclusionKind kind = ConclusionKind::kComparison;
  std::size_t index = 0;      ///< into the comparisons, or into the judgements
  std::size_t parameter = 0;  ///< a prior factor
  std::size_t level = 0;      ///< where it flips
  Interval there;             ///< the difference, or the limited metric, at that level
  bool is_resolved = false;   ///< the interval at that level is all on the other side
};

/// Looks at each resolved conclusion at each level of each prior by itself; the first level at
/// which it flips for sure is named, or else the first at which its mean is on the other side.
/// A comparison that is not resolvable over the whole range, but is so at two levels with opposite
/// verdicts, counts too.
[[nodiscard]] std::vector<Fragile> fragile_conclusions(
    const Samples& samples, std::span<const Comparison> comparisons,
    std::span<const Judgement> judgements, std::span<const Limit> limits,
    std::span<const Configuration> configurations);

}  // namespace gpreempt::study
