#pragma once

#include "cli/exit_code.h"
#include "cli/models_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt models`: the built-in models, or all about one of them.
/// Errors: kInvalidArgument (no such model), kParse, kIo (stdout), those of `tornado_of`.
[[nodiscard]] Result<ExitCode> models_command(const ModelsOptions& options);

}  // namespace gpreempt::cli
