#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/metrics.h"
#include "cli/simulate.h"
#include "cli/summary.h"
#include "core/policy.h"
#include "core/time.h"

namespace gpreempt::cli {

/// The tenants of a run that have several ranks, in its order. Over the whole run.
[[nodiscard]] std::vector<GangMetrics> measure_gangs(const RunRecord& run);

/// A row for each policy and gang; empty without gangs.
[[nodiscard]] std::string gang_block(const RunSummary& summary);

}  // namespace gpreempt::cli
