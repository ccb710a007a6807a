#pragma once

#include <cstdint>
#include <vector>

#include "experiments/verdict.h"

/// What a suspension costs those who are not meant: what follows from times. No I/O.
namespace gpreempt::experiments {

/// At one number of mapped queues.
struct BystanderPoint {
  std::uint32_t mapped_queues = 0;
  /// Nanoseconds that Online's queue was off the GPU, for each suspend of Offline with its resume.
  std::vector<std::int64_t> off;
};

/// "bystander/is-preempted": whether Online is taken off at all. "bystander/grows-with-queues": the
/// cost of one more mapped queue, by the line through the medians; yes if the band of the median at
/// the most queues lies above that at the least. Shape: two points with different numbers at least,
/// each with a sample.
[[nodiscard]] std::vector<Verdict> judge_bystander(const std::vector<BystanderPoint>& points);

}  // namespace gpreempt::experiments
