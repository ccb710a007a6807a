#include "core/program.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt {

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
