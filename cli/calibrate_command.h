#pragma once

#include "cli/calibrate_options.h"
#include "cli/exit_code.h"
#include "core/error.h"

namespace gpreempt::cli {

/// Fits a model to a bundle's samples, foretells the held-out ones, and says how that went; or
/// tries the method on machines whose costs are known. Writes into `out`: predictions.json,
/// calibration.json and MODEL.toml. kGateFailed: the model's formulas do not hold for what was
/// seen, or the campaign's intervals do not cover what they should. Errors: kInvalidArgument (no
/// such bundle or model), kParse, kIo.
[[nodiscard]] Result<ExitCode> calibrate_command(const CalibrateOptions& options);

}  // namespace gpreempt::cli
