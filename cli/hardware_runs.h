#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/hardware_check.h"
#include "cli/metrics.h"
#include "cli/run_setup.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/time.h"

/// Checks that run a scenario.
namespace gpreempt::cli {

/// A built-in scenario with what the plan changes of it.
struct PlannedRun {
  std::string scenario;
  std::vector<std::string> set;  ///< as in `run --set`
  std::optional<Duration> full;  ///< how long it lasts in the full profile; nullopt: as it is
  std::optional<Duration> quick;
  std::vector<std::string> policies = {"suspend"};
  /// What its verdicts are held against, a run each: without the first nothing is known of what
  /// Online's work takes, without the second nothing of losses.
  bool online_alone = false;
  bool offline_alone = false;
};

/// How long it lasts in the campaign's profile. It must say.
[[nodiscard]] Duration length_of(const Campaign& campaign, const PlannedRun& run);

/// Errors: those of `set_up`.
[[nodiscard]] Result<RunSetup> set_up(const Campaign& campaign, const PlannedRun& run);

/// The scenario under each of its policies, on this campaign's world; notes if it is shorter than
/// the plan's. Blocks: until done. Errors: those of `set_up` and `run_policies`.
[[nodiscard]] Result<std::vector<PolicyMetrics>> run_planned(Campaign& campaign,
                                                             const PlannedRun& run);

/// Its tenants of one class by themselves, under no policy.
[[nodiscard]] Result<PolicyMetrics> run_alone(Campaign& campaign, const PlannedRun& run,
                                              TenantClass cls);

/// A program of a scenario, before it begins.
struct SeenProgram {
  std::string name;
  Pid pid;
  std::vector<QueueInfo> queues;  ///< as whoever follows it sees them
};

/// Launches the scenario's programs in a world of their own and follows each as a scheduler does:
/// Offline to control it, Online to observe it. Errors: those of `launch`, `attach` and `close`.
[[nodiscard]] Result<std::vector<SeenProgram>> see_queues(Campaign& campaign,
                                                          const RunSetup& setup);

}  // namespace gpreempt::cli
