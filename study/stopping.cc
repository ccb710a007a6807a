#include "study/stopping.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "study/analysis/interval.h"
#include "study/study_file.h"

namespace gpreempt::study {

bool is_narrow(std::span<const double> values, const Until& until) {
  const Interval interval = mean_interval(values, until.confidence);
  const double limit = until.half_width * (until.relative ? std::abs(interval.mean) : 1.0);
  return interval.is_bounded() && (interval.hi - interval.lo) / 2 <= limit;
}

std::uint32_t next_look(std::uint32_t runs, std::uint32_t max) {
  constexpr std::uint32_t kPart = 4;
  return std::min(max, runs + std::max(1U, runs / kPart));
}

}  // namespace gpreempt::study
