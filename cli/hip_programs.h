#pragma once

#include <string>

#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/os.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "core/error.h"
#include "workloads/compile.h"

namespace gpreempt::cli {

/// The HIP program that does a tenant's work as the scenario says, a process for each of its ranks.
/// Errors: kNoSuchDevice (it is not there, and what to do), kUnsupported (it does not know of
/// overrides).
[[nodiscard]] Result<kfd::TenantCommand> hip_command(kfd::Os& os, const RunOptions& options,
                                                     const RunSetup& setup,
                                                     const TenantMeta& tenant);

}  // namespace gpreempt::cli
