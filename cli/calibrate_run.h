#pragma once

#include "cli/calibrate_options.h"
#include "cli/exit_code.h"
#include "core/error.h"

namespace gpreempt::cli {

/// What `calibrate_command` does with a bundle, in a build that has experiments.
[[nodiscard]] Result<ExitCode> run_calibration(const CalibrateOptions& options);
/// The same without one.
[[nodiscard]] Result<ExitCode> run_calibration_campaign(const CalibrateOptions& options);

}  // namespace gpreempt::cli
