#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/band.h"
#include "cli/metrics.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"

namespace gpreempt::cli {

/// A machine whose GPUs were used, and not a model.
struct MeasuredOn {
  std::string driver;
  std::size_t gpus = 0;
  std::vector<std::string> warnings;  ///< what is not watched: whole sentences
};

/// All that reports are made from.
struct RunSummary {
  BackendKind backend = BackendKind::kSim;
  RunSetup setup;
  std::vector<PolicyMetrics> results;
  std::optional<BandSummary> band;     ///< --band
  std::optional<MeasuredOn> measured;  ///< nullopt: everything was simulated
  /// A sentence for each thing to look at before the numbers are trusted.
  std::vector<std::string> warnings;
  std::vector<std::string> missed;  ///< --gate: limits missed; empty without --gate
  bool gated = false;
};

}  // namespace gpreempt::cli
