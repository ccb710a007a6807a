#include "core/stats.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/math_policy.h"

namespace gpreempt {
namespace {

using Binomial = boost::math::binomial_distribution<double, detail::MathPolicy>;

/// P(at most `k` of `n` samples lie at or below the true quantile).
double at_most(const Binomial& ranks, std::uint64_t k) {
  return boost::math::cdf(ranks, static_cast<double>(k));
}

/// The smallest k in [0, n] with P(rank count <= k) >= `probability`; n always qualifies.
std::uint64_t first_reaching(const Binomial& ranks, std::uint64_t n, double probability) {
  std::uint64_t low = 0;
  std::uint64_t high = n;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (at_most(ranks, middle) >= probability) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/// Nearest rank, 1-based: the smallest k with k / n >= q, safe against q * n rounding up.
std::uint64_t nearest_rank(std::uint64_t n, double q) {
  const double count = static_cast<double>(n);
  const auto rank = static_cast<std::uint64_t>(std::ceil(q * count));
  const bool one_less_will_do = rank > 1 && static_cast<double>(rank - 1) / count >= q;
  return std::clamp<std::uint64_t>(one_less_will_do ? rank - 1 : rank, 1, n);
}

}  // namespace

RankBand rank_band(std::uint64_t n, double q, double confidence) {
  GPREEMPT_CHECK(q > 0 && q <= 1);
  GPREEMPT_CHECK(confidence > 0 && confidence < 1);
  if (n == 0) {
    return {};
  }
  if (q >= 1) {
    return {.lo = n, .hi = n, .bounded = false};
  }
  const double tail = (1 - confidence) / 2;
  const Binomial ranks(static_cast<double>(n), q);
  // X(lo) <= quantile <= X(hi) holds exactly when lo <= B <= hi - 1 samples lie below it.
  const std::uint64_t exceeds = first_reaching(ranks, n, std::nextafter(tail, 1.0));
  const std::uint64_t hi = first_reaching(ranks, n, 1 - tail) + 1;
  return {.lo = std::max<std::uint64_t>(exceeds, 1),
          .hi = std::min(hi, n),
          .bounded = exceeds >= 1 && hi <= n};
}

Sample::Sample(std::vector<std::int64_t> values) : sorted_(std::move(values)) {
  std::sort(sorted_.begin(), sorted_.end());
}

std::optional<Quantile> Sample::quantile(double q, double confidence) const {
  if (sorted_.empty()) {
    return std::nullopt;
  }
  const std::uint64_t n = sorted_.size();
  const RankBand band = rank_band(n, q, confidence);
  const auto at_rank = [this](std::uint64_t rank) {
    return sorted_[static_cast<std::size_t>(rank - 1)];
  };
  return Quantile{.value = at_rank(nearest_rank(n, q)),
                  .lo = at_rank(band.lo),
                  .hi = at_rank(band.hi),
                  .bounded = band.bounded};
}

std::optional<Summary> Sample::summary() const {
  if (sorted_.empty()) {
    return std::nullopt;
  }
  const double sum = std::accumulate(
      sorted_.begin(), sorted_.end(), 0.0,
      [](double total, std::int64_t value) { return total + static_cast<double>(value); });
  const auto count = static_cast<double>(sorted_.size());
  const double mean = sum / count;
  const double squares = std::accumulate(sorted_.begin(), sorted_.end(), 0.0,
                                         [mean](double total, std::int64_t value) {
                                           const double off = static_cast<double>(value) - mean;
                                           return total + off * off;
                                         });
  return Summary{.count = sorted_.size(),
                 .min = sorted_.front(),
                 .max = sorted_.back(),
                 .mean = mean,
                 .sd = sorted_.size() < 2 ? 0 : std::sqrt(squares / (count - 1))};
}

}  // namespace gpreempt
