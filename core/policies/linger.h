#pragma once

#include <chrono>
#include <memory>

#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {

struct LingerOptions {
  Duration hold = std::chrono::milliseconds(5);  ///< zero: the same as `suspend`
};

/// `linger:hold=5ms`: strict priority with hysteresis. As `suspend`, but a member that is off stays
/// off for `hold` after Online fell idle: a request that comes in that time costs no preemption.
[[nodiscard]] std::unique_ptr<Policy> make_linger_policy(LingerOptions options);

}  // namespace gpreempt
