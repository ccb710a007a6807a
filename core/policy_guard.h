#pragma once

#include <memory>
#include <span>

#include "core/error.h"
#include "core/option_reader.h"
#include "core/policy.h"

namespace gpreempt {

/// `min-run`, `hold-off` and `credit`, which every policy takes; all off by default.
[[nodiscard]] std::span<const PolicyOption> guard_options();

/// Reads the guard's options, and puts `policy` behind it if one of them was given.
/// Errors: kInvalidArgument (an option's value).
[[nodiscard]] Result<std::unique_ptr<Policy>> guarded(OptionReader& options,
                                                      std::unique_ptr<Policy> policy);

}  // namespace gpreempt
