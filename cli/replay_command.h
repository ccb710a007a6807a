#pragma once

#include "cli/exit_code.h"
#include "cli/replay_options.h"
#include "core/error.h"

namespace gpreempt::cli {

/// `gpreempt replay`: takes the steps of a bundle's runs again, under their own policy, which must
/// decide as it did, or under another. Returns kGateFailed if a recorded policy decides otherwise.
/// Errors: kInvalidArgument, kParse (the bundle, or a policy that cannot decide on what it tells).
[[nodiscard]] Result<ExitCode> replay_command(const ReplayOptions& options);

}  // namespace gpreempt::cli
