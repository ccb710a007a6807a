#pragma once

#include "cli/exit_code.h"
#include "cli/suspend_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// Prints whom it would disturb, and takes queues off the GPU until the limit, a signal or
/// `gpreempt resume`. Blocks: so long. Errors: kInvalidArgument (a bystander that was not named),
/// those of `kfd::find_targets`, `kfd::open_backend` and `kfd::hold`, kUnsupported (a build without
/// KFD).
[[nodiscard]] Result<ExitCode> suspend_command(const SuspendCommandOptions& options);

/// Asks who holds the targets to resume them. Blocks: until they have answered. Errors: those of
/// `kfd::find_targets`, kUnsupported (a build without KFD); what one target's holder answers is in
/// the output.
[[nodiscard]] Result<ExitCode> resume_command(const ResumeCommandOptions& options);

}  // namespace gpreempt::cli
