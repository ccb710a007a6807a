#pragma once

#include "cli/exit_code.h"
#include "cli/study_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// Makes a study's runs, or goes on with them, and reports; or lists the built-in studies. Exit
/// code 1: a run failed. Blocks: until all runs are made. Errors: refused input, kIo, kBusy,
/// kInterrupted.
[[nodiscard]] Result<ExitCode> study_command(const StudyOptions& options);

}  // namespace gpreempt::cli
