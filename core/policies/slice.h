#pragma once

#include <chrono>
#include <memory>

#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {

struct SliceOptions {
  Duration slice = std::chrono::milliseconds(20);  ///< positive
  Duration gap = std::chrono::milliseconds(5);     ///< positive
};

/// `slice:slice=20ms,gap=5ms`: bounded priority. A member is off while Online has work, but at most
/// for `slice`; then, and whenever else it was given back, it runs for at least `gap` before it is
/// taken off again. Both count from the decision; a new member's gap begins with its birth.
[[nodiscard]] std::unique_ptr<Policy> make_slice_policy(SliceOptions options);

}  // namespace gpreempt
