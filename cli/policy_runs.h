#pragma once

#include <vector>

#include "cli/bundle.h"
#include "cli/metrics.h"
#include "cli/progress.h"
#include "cli/run_setup.h"
#include "cli/worlds.h"
#include "core/error.h"

namespace gpreempt::cli {

/// What is known of the hardware and wanted of its runs.
struct PolicyRunsOptions {
  Progress* progress = nullptr;
  Bundle* bundle = nullptr;
  bool offline_alone = true;  ///< without it nothing is known about losses
};

/// Runs Online alone, Offline alone and then the setup under each of its policies, one after
/// another, each on a testbed of its own.
/// Errors: kUnsupported (the backend lacks the mechanism, or the detection), those of `simulate`.
[[nodiscard]] Result<std::vector<PolicyMetrics>> run_policies(const RunSetup& setup,
                                                              const OpenTestbed& open,
                                                              const PolicyRunsOptions& options);

}  // namespace gpreempt::cli
