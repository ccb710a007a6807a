#pragma once

#include <memory>

#include "core/policy.h"

namespace gpreempt {

/// `suspend`: strict priority. A member is off while an Online tenant of higher logical priority
/// has work on its GPU; an Online tenant whose GPUs are not known counts on every GPU.
[[nodiscard]] std::unique_ptr<Policy> make_suspend_policy();

}  // namespace gpreempt
