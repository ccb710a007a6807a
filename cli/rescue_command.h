#pragma once

#include "cli/exit_code.h"
#include "cli/rescue_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt rescue`: frees processes that a controller left suspended or waiting.
/// Errors: kUnsupported (a build without the KFD backend), those of `kfd::find_targets`; what
/// became of each process is printed, and the exit code is 3 if one could not be freed.
[[nodiscard]] Result<ExitCode> rescue_command(const RescueCommandOptions& options);

}  // namespace gpreempt::cli
