#include "core/program.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt {

KernelTrain with_collectives(const KernelTrain& train, const Collective& collective) {
  GPREEMPT_CHECK(collective.every > 0 && !train.empty());
  const KernelRun meeting{
      .count = 1, .duration = collective.duration, .shape = collective.shape, .collective = true};
  KernelTrain result;
  std::uint32_t until_next = collective.every;
  for (KernelRun run : train) {
    while (run.count > 0) {
      KernelRun part = run;
      part.count = std::min(run.count, until_next);
      result.push_back(part);
      run.count -= part.count;
      until_next -= part.count;
      if (until_next == 0) {
        result.push_back(meeting);
        until_next = collective.every;
      }
    }
  }
  if (until_next != collective.every) {
    result.push_back(meeting);
  }
  return result;
}

Duration time_at(const SizedTime& table, std::uint64_t size) {
  const auto& points = table.points;
  GPREEMPT_CHECK(!points.empty());
  if (size <= points.front().size || points.size() == 1) {
    return std::max(Duration(1), points.front().time);
  }
  // The segment that ends at or after `size`; the last one beyond the table.
  auto right = points.begin() + 1;
  while (right + 1 != points.end() && right->size < size) {
    ++right;
  }
  const auto left = right - 1;
  const double share = (static_cast<double>(size) - static_cast<double>(left->size)) /
                       (static_cast<double>(right->size) - static_cast<double>(left->size));
  const auto from = static_cast<double>(to_ns(left->time));
  const auto to = static_cast<double>(to_ns(right->time));
  return std::max(Duration(1), Duration(std::llround(from + share * (to - from))));
}

}  // namespace gpreempt
