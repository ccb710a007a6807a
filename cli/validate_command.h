#pragma once

#include "cli/exit_code.h"
#include "cli/validate_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt validate`: the model against its targets. Returns kOk, or kGateFailed if one is missed
/// or cannot be run. Errors: kInvalidArgument (no target of that name), kIo.
[[nodiscard]] Result<ExitCode> validate_command(const ValidateOptions& options);

}  // namespace gpreempt::cli
