#pragma once

#include "cli/exit_code.h"
#include "cli/watchdog_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt watchdog`: kills a controller that lets a lease pass. Errors: kUnsupported (a build
/// without the KFD backend), kIo, those of `kfd::watch_controller`.
[[nodiscard]] Result<ExitCode> watchdog_command(const WatchdogCommandOptions& options);

}  // namespace gpreempt::cli
