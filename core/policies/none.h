#pragma once

#include <memory>

#include "core/policy.h"

namespace gpreempt {

/// `none`: every member runs always. The baseline.
[[nodiscard]] std::unique_ptr<Policy> make_none_policy();

}  // namespace gpreempt
