#include "cli/report/distribution.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/error.h"

namespace gpreempt::report {
namespace {

constexpr std::size_t kTailShare = 100;

void add_step(const std::vector<std::int64_t>& sorted, std::size_t rank,
              std::vector<EcdfPoint>& steps) {
  // Of equal samples only the last is a step of the function.
  const auto last = std::ranges::upper_bound(sorted, sorted[rank - 1]);
  const EcdfPoint step{.value = sorted[rank - 1],
                       .count = static_cast<std::uint64_t>(last - sorted.begin())};
  if (steps.empty() || steps.back().value < step.value) {
    steps.push_back(step);
  }
}

}  // namespace

std::vector<EcdfPoint> ecdf_of(const std::vector<std::int64_t>& sorted, std::size_t points) {
  GPREEMPT_CHECK(points >= 2);
  std::vector<EcdfPoint> steps;
  const std::size_t n = sorted.size();
  if (n <= points) {
    for (std::size_t rank = 1; rank <= n; ++rank) {
      add_step(sorted, rank, steps);
    }
    return steps;
  }
  const std::size_t tail = std::min(n / kTailShare, points / 2);
  const std::size_t even = points - tail;
  const std::size_t body = n - tail;
  for (std::size_t i = 0; i < even; ++i) {
    add_step(sorted, 1 + i * (body - 1) / std::max<std::size_t>(even - 1, 1), steps);
  }
  for (std::size_t rank = body + 1; rank <= n; ++rank) {
    add_step(sorted, rank, steps);
  }
  return steps;
}

Histogram histogram_of(const std::vector<std::int64_t>& sorted, std::size_t bins) {
  GPREEMPT_CHECK(bins >= 1);
  Histogram histogram;
  if (sorted.empty()) {
    return histogram;
  }
  GPREEMPT_CHECK(sorted.front() >= 0);
  const auto fits = [&](std::int64_t width) {
    return static_cast<std::size_t>(sorted.back() / width) < bins;
  };
  std::int64_t decade = 1;
  for (histogram.width = 1; !fits(histogram.width);) {
    for (const std::int64_t factor : {2, 5, 10}) {
      histogram.width = decade * factor;
      if (fits(histogram.width)) {
        break;
      }
    }
    decade *= 10;
  }
  histogram.counts.resize(static_cast<std::size_t>(sorted.back() / histogram.width) + 1);
  for (const std::int64_t value : sorted) {
    ++histogram.counts[static_cast<std::size_t>(value / histogram.width)];
  }
  return histogram;
}

}  // namespace gpreempt::report
