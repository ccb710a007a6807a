#pragma once

#include <map>
#include <string>

#include "backends/kfd/launch/tenant.h"
#include "cli/process_options.h"
#include "core/error.h"
#include "workloads/compile.h"

namespace gpreempt::cli {

/// Who does whose work, by the name of the tenant. Tenants that nobody is named for are not in it.
/// "TENANT=REST" is for that tenant, if there is one of this name; anything else is for the next
/// tenant of its class, in the scenario's order, that nobody is named for. Errors: kInvalidArgument
/// (more than there are tenants, one that has somebody, a tenant of the other class, a target that
/// cannot be read).
[[nodiscard]] Result<std::map<std::string, kfd::TenantCommand>> bind_processes(
    const ProcessOptions& options, const Workload& workload);

}  // namespace gpreempt::cli
