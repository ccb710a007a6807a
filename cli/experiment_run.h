#pragma once

#include "cli/exit_code.h"
#include "cli/experiment_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// What `experiment_command` does in a build that has experiments.
[[nodiscard]] Result<ExitCode> run_experiments(const ExperimentOptions& options);

}  // namespace gpreempt::cli
