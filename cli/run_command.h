#pragma once

#include "cli/exit_code.h"
#include "cli/run_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt run`: the result on stdout, progress on stderr. Once per process.
/// Returns kOk or kGateFailed. Errors: `exit_code_for` says what each of them means to the caller.
[[nodiscard]] Result<ExitCode> run_command(const RunOptions& options);

}  // namespace gpreempt::cli
