#pragma once

#include "cli/exit_code.h"
#include "cli/queues_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt queues`: who has which queues on which GPUs. Errors: kUnsupported (a build without the
/// KFD backend), kInvalidArgument (`--sysroot` is no folder, a selector), kNoSuchDevice (no
/// driver), kParse (a file of it that makes no sense), kProcessExited (nobody is meant), kIo.
[[nodiscard]] Result<ExitCode> queues_command(const QueuesOptions& options);

}  // namespace gpreempt::cli
