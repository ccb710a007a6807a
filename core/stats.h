#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// Statistics of raw samples: exact order statistics, no histogram.
namespace gpreempt {

/// A quantile and the order statistics that enclose the true one.
struct Quantile {
  std::int64_t value = 0;
  std::int64_t lo =
      0;  ///< rank band at the confidence asked for; min/max of the sample where it is too small
  std::int64_t hi = 0;
  bool bounded = false;  ///< false: the sample is too small for the confidence, so [lo, hi] is
                         ///< narrower than it should be
};

struct Summary {
  std::uint64_t count = 0;
  std::int64_t min = 0;
  std::int64_t max = 0;
  double mean = 0;
  double sd = 0;  ///< standard deviation of the population, as one estimates it; 0 for one value
};

/// Sorted once, asked often.
class Sample {
 public:
  explicit Sample(std::vector<std::int64_t> values);

  [[nodiscard]] bool empty() const { return sorted_.empty(); }
  /// The smallest value with at least `q` of the sample at or below it (nearest rank); nullopt on
  /// no sample. 0 < q <= 1. Its band holds the true quantile with `confidence`, from the binomial
  /// distribution of ranks, whatever the samples' distribution (they must be independent: queueing
  /// latencies are not, so the band is then optimistic).
  [[nodiscard]] std::optional<Quantile> quantile(double q, double confidence = 0.95) const;
  [[nodiscard]] std::optional<Summary> summary() const;
  [[nodiscard]] std::span<const std::int64_t> sorted() const { return sorted_; }

 private:
  std::vector<std::int64_t> sorted_;
};

/// Ranks (1-based) whose order statistics enclose quantile `q` of a population with `confidence`,
/// from a sample of `n`. `bounded` is false when `n` is too small for it.
struct RankBand {
  std::uint64_t lo = 0;
  std::uint64_t hi = 0;
  bool bounded = false;
};
[[nodiscard]] RankBand rank_band(std::uint64_t n, double q, double confidence);

}  // namespace gpreempt
