#pragma once

#include "cli/conformance_options.h"
#include "cli/exit_code.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt conformance`: the cases on a driver, modelled or real. Returns kOk, or kGateFailed if
/// an answer is not what was expected or recorded. Errors: kInvalidArgument, kParse (a case file or
/// record), kIo, kNoSuchDevice, kNotPermitted, kUnsupported (left out of this build).
[[nodiscard]] Result<ExitCode> conformance_command(const ConformanceOptions& options);

}  // namespace gpreempt::cli
