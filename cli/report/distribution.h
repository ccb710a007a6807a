#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

/// What a chart of latencies shows, computed here so that the page only draws. No I/O.
namespace gpreempt::report {

/// `count` samples are at most `value`.
struct EcdfPoint {
  std::int64_t value = 0;
  std::uint64_t count = 0;
};

/// `counts[i]` samples lie in `[i * width, (i + 1) * width)`.
struct Histogram {
  std::int64_t width = 0;  ///< 1, 2 or 5 times a power of ten; 0: no samples
  std::vector<std::uint64_t> counts;
};

/// The empirical distribution: every step up to `points` samples, else steps at evenly spaced ranks
/// and each of the last 1 %, as far as half of `points` goes. The smallest and the largest sample
/// are always there. `sorted`: ascending. `points` >= 2.
[[nodiscard]] std::vector<EcdfPoint> ecdf_of(const std::vector<std::int64_t>& sorted,
                                             std::size_t points);

/// At most `bins` bins from 0 on. `sorted`: ascending, not negative. `bins` >= 1.
[[nodiscard]] Histogram histogram_of(const std::vector<std::int64_t>& sorted, std::size_t bins);

}  // namespace gpreempt::report
