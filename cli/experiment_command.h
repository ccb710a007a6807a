#pragma once

#include "cli/exit_code.h"
#include "cli/experiment_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt experiment`. Returns kOk, kGateFailed if a limit or an expectation is missed, or
/// kEnvironment if nothing could be found out. Errors: kInvalidArgument (no such experiment), kIo,
/// those of an experiment.
[[nodiscard]] Result<ExitCode> experiment_command(const ExperimentOptions& options);

}  // namespace gpreempt::cli
