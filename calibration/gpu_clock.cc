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

void add_pairs(std::vector<const CallSample*>& group, std::vector<double>& rates) {
  std::sort(group.begin(), group.end(),
            [](const CallSample* a, const CallSample* b) { return a->issued_ns < b->issued_ns; });
  const std::size_t half = group.size() / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const CallSample& early = *group[i];
    const CallSample& late = *group[group.size() - half + i];
    const auto host = static_cast<double>(late.issued_ns - early.issued_ns);
    const auto gpu = static_cast<double>(late.stamps->save_start - early.stamps->save_start);
    if (host > 0 && gpu > 0) {
      rates.push_back(gpu / host);
    }
  }
}

}  // namespace

ClockRate clock_rate_of(std::span<const CallSample> samples, double confidence) {
  std::map<Alike, std::vector<const CallSample*>> groups;
  for (const CallSample& sample : samples) {
    if (sample.stamps && !sample.first) {
      groups[{sample.place, sample.grace_units}].push_back(&sample);
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
