#pragma once

#include <filesystem>

#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "workloads/compile.h"

namespace gpreempt::cli {

/// The HIP programs that do a tenant's work as the scenario says, a process for each of its ranks,
/// each with a file in `folder` that `write_programs` writes. Errors: kNoSuchDevice (they are not
/// there, and what to do).
[[nodiscard]] Result<kfd::TenantCommand> hip_command(kfd::Os& os, const TenantMeta& tenant,
                                                     const std::filesystem::path& folder);

/// Errors: kIo.
[[nodiscard]] Result<void> write_programs(const Workload& workload, const TenantMeta& tenant,
                                          const std::filesystem::path& folder);

}  // namespace gpreempt::cli
