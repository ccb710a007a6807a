#pragma once

#include "cli/exit_code.h"
#include "cli/hardware_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// Runs `gpreempt validate-hardware`. Blocks: until every check is done.
[[nodiscard]] Result<ExitCode> hardware_command(const HardwareOptions& options);

}  // namespace gpreempt::cli
