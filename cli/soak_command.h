#pragma once

#include "cli/exit_code.h"
#include "cli/soak_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// Runs a campaign, or replays a seed, and prints what came of it. kGateFailed: a run broke a rule,
/// or a kind of fault never struck. Blocks: until all runs have ended. Errors: kIo, kUnsupported (a
/// build without the virtual driver).
[[nodiscard]] Result<ExitCode> soak_command(const SoakOptions& options);

}  // namespace gpreempt::cli
