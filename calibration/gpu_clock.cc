#include "calibration/gpu_clock.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "calibration/sample.h"
#include "core/stats.h"

namespace gpreempt::calibration {
namespace {

using Alike = std::pair<std::string, std::optional<std::uint32_t>>;

/// A moment on both clocks.
struct Moment {
  std::int64_t host_ns = 0;
  std::int64_t gpu_ns = 0;
};

void add_pairs(std::vector<Moment>& group, std::vector<double>& rates) {
  std::ranges::sort(group, {}, &Moment::host_ns);
  const std::size_t half = group.size() / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const Moment& early = group[i];
    const Moment& late = group[group.size() - half + i];
    const auto host = static_cast<double>(late.host_ns - early.host_ns);
    const auto gpu = static_cast<double>(late.gpu_ns - early.gpu_ns);
    if (host > 0 && gpu > 0) {
      rates.push_back(gpu / host);
    }
  }
}

}  // namespace

ClockRate clock_rate_of(std::span<const CallSample> samples, double confidence) {
  std::map<Alike, std::vector<Moment>> groups;
  for (const CallSample& sample : samples) {
    if (sample.stamps && !sample.first) {
      groups[{sample.place, sample.grace_units}].push_back(
          {.host_ns = sample.issued_ns, .gpu_ns = sample.stamps->save_start});
    }
  }
  std::vector<double> rates;
  for (auto& [key, group] : groups) {
    add_pairs(group, rates);
  }
  if (rates.empty()) {
    return {};
  }
  std::sort(rates.begin(), rates.end());
  constexpr double kMedian = 0.5;
  const RankBand band = rank_band(rates.size(), kMedian, confidence);
  const auto at_rank = [&](std::uint64_t rank) {
    return rates[std::clamp<std::size_t>(rank, 1, rates.size()) - 1];
  };
  return {.rate = rates[rates.size() / 2],
          .lo = at_rank(band.lo),
          .hi = at_rank(band.hi),
          .pairs = rates.size()};
}

}  // namespace gpreempt::calibration
