#pragma once

#include "cli/exit_code.h"
#include "cli/explain_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt explain`: one request of a bundle. Errors: those of `read_bundle` and `explain`.
[[nodiscard]] Result<ExitCode> explain_command(const ExplainOptions& options);

}  // namespace gpreempt::cli
