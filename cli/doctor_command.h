#pragma once

#include "cli/doctor_options.h"
#include "cli/exit_code.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt doctor`: what keeps this machine, or one whose files were saved, from preempting. The
/// exit code is 3 if something does. Errors: kUnsupported (a build without the KFD backend),
/// kInvalidArgument (`--sysroot` is no folder), kIo (stdout).
[[nodiscard]] Result<ExitCode> doctor_command(const DoctorCommandOptions& options);

}  // namespace gpreempt::cli
