#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "backends/sim/gpu/perturbation.h"
#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "calibration/costs.h"
#include "cli/run_options.h"
#include "core/error.h"

/// Whether a calibration finds what it looks for: tried on modelled machines whose costs are drawn
/// from the model's priors, and which do things that no formula of it has.
namespace gpreempt::cli {

struct CampaignOptions {
  std::uint32_t bundles = 0;
  std::uint64_t seed = 1;
  BackendKind backend = BackendKind::kVkfd;
  bool wrong_model = false;
  std::function<void(double)> progress;  ///< may be empty
};

/// How often something held the truth.
struct Tally {
  std::size_t held = 0;
  std::size_t of = 0;
  [[nodiscard]] double share() const {
    return of == 0 ? 0 : static_cast<double>(held) / static_cast<double>(of);
  }
};

struct CampaignResult {
  std::uint32_t bundles = 0;
  std::string backend;
  std::string model;
  bool wrong_model = false;
  std::map<std::string, Tally> sums;  ///< intervals that hold the true cost, by what was fitted
  Tally intervals;                    ///< all of them
  Tally calls;                        ///< held-out calls in their predicted intervals
  std::vector<double> p;              ///< of the lack of fit, a bundle each
  std::size_t flagged = 0;            ///< bundles whose model was called wrong
  /// Of the GPU's clock: the largest difference from the truth, as a share.
  double clock_error = 0;

  /// Whether between 85 and 95 % of the intervals hold the truth, of costs and of calls alike.
  [[nodiscard]] bool covers() const;
};

/// The machine of one bundle: its costs, and what it does beyond them.
[[nodiscard]] std::vector<sim::SystemOptions> campaign_machines(const sim::Model& model,
                                                                const sim::SystemOptions& usual,
                                                                const CampaignOptions& options);

/// Blocks: until all bundles are made and fitted, about a second each. Once per process on vkfd.
/// Errors: those of the experiment and of the fit.
[[nodiscard]] Result<CampaignResult> run_campaign(const sim::Model& model,
                                                  const CampaignOptions& options);

}  // namespace gpreempt::cli
