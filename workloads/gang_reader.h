#pragma once

#include "config/document.h"
#include "core/error.h"
#include "core/gang_options.h"
#include "workloads/scenario.h"

/// Private to workloads: tenants on several GPUs.
namespace gpreempt {

/// Reads `gpus`, `processes` and `collective` of a tenant's table, whose arrivals are known, into
/// `tenant.gang`. Errors: kParse.
[[nodiscard]] Result<void> read_gang(const TomlTable& table, TenantScenario& tenant);

/// The `gang` table of [scheduler]. Errors: kParse.
[[nodiscard]] Result<GangOptions> read_gang_options(const TomlTable& table);

/// What depends on the rest of the scenario: `gpus = "all"` becomes every GPU of it, all GPUs
/// exist, and the lease is shorter than the timeout of a collective. `table` is where the tenant is
/// described. Errors: kParse.
[[nodiscard]] Result<void> place_gang(const TomlTable& table, const Scenario& scenario,
                                      TenantScenario& tenant);

}  // namespace gpreempt
