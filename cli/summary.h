#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/band.h"
#include "cli/metrics.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"

namespace gpreempt::cli {

/// All that reports are made from.
struct RunSummary {
  BackendKind backend = BackendKind::kSim;
  RunSetup setup;
  std::vector<PolicyMetrics> results;
  std::optional<BandSummary> band;  ///< --band
  /// A sentence for each thing to look at before the numbers are trusted.
  std::vector<std::string> warnings;
  std::vector<std::string> missed;  ///< --gate: limits missed; empty without --gate
  bool gated = false;
};

}  // namespace gpreempt::cli
