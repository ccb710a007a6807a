#include "cli/hardware_runs.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/hardware_check.h"
#include "cli/metrics.h"
#include "cli/option_values.h"
#include "cli/policy_runs.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/simulate.h"
#include "config/document.h"
#include "config/override.h"
#include "core/error.h"
#include "core/policy.h"

namespace gpreempt::cli {

Duration length_of(const Campaign& campaign, const PlannedRun& run) {
  const std::optional<Duration>& length = campaign.full ? run.full : run.quick;
  GPREEMPT_CHECK(length.has_value());
  return *length;
}

Result<RunSetup> set_up(const Campaign& campaign, const PlannedRun& run) {
  RunOptions options;
  options.scenario = run.scenario;
  options.backend = campaign.backend;
  options.policies = run.policies;
  options.seed = campaign.seed;
  options.duration = campaign.full ? run.full : run.quick;
  for (const std::string& text : run.set) {
    std::optional<Override> one;
    GPREEMPT_TRY(store(one, read_override(text)));
    GPREEMPT_CHECK(one.has_value());
    options.set.push_back(*std::move(one));
  }
  return set_up(options);
}

Result<std::vector<PolicyMetrics>> run_planned(Campaign& campaign, const RunSetup& setup) {
  return run_policies(setup, [&] { return campaign.open(setup.system); },
                      {.progress = campaign.progress, .baselines = &campaign.baselines});
}

Result<std::vector<PolicyMetrics>> run_planned(Campaign& campaign, const PlannedRun& run) {
  return set_up(campaign, run).and_then([&](const RunSetup& setup) {
    return run_planned(campaign, setup);
  });
}

Result<PolicyMetrics> run_alone(Campaign& campaign, const PlannedRun& run, TenantClass cls) {
  PlannedRun lonely = run;
  lonely.policies = {"none"};
  RunSetup setup;
  GPREEMPT_TRY(store(setup, set_up(campaign, lonely)));
  setup.workload = only(setup.workload, cls);
  return run_planned(campaign, setup).map([](const std::vector<PolicyMetrics>& results) {
    return results.front();
  });
}

}  // namespace gpreempt::cli
