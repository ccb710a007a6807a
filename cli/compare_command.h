#pragma once

#include "cli/compare_options.h"
#include "cli/exit_code.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt compare`: two results side by side, policy by policy.
/// Errors: kInvalidArgument, kParse (a side that is no result and no run), those of `run_policies`.
[[nodiscard]] Result<ExitCode> compare_command(const CompareOptions& options);

}  // namespace gpreempt::cli
