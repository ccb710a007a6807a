#include "cli/hardware_runs.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/hardware_check.h"
#include "cli/hardware_rig.h"
#include "cli/metrics.h"
#include "cli/option_values.h"
#include "cli/policy_runs.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/simulate.h"
#include "config/document.h"
#include "config/override.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/experiment.h"
#include "experiments/session.h"

namespace gpreempt::cli {
namespace {

std::string seconds_text(Duration length) {
  return fmt::format("{:.4g} s", static_cast<double>(to_ns(length)) / kNsPerSecond);
}

/// The first run of a check says it for all: its others are shorter by as much.
void note_scale(Campaign& campaign, const PlannedRun& run) {
  const bool is_shorter = !campaign.full && run.full && run.quick && *run.quick < *run.full;
  if (is_shorter && campaign.scaled.empty()) {
    campaign.scaled =
        fmt::format("quick: a run lasts {} and not the plan's {}, {:.3g} times shorter",
                    seconds_text(*run.quick), seconds_text(*run.full),
                    static_cast<double>(to_ns(*run.full)) / static_cast<double>(to_ns(*run.quick)));
  }
}

Result<std::vector<PolicyMetrics>> run_setup(Campaign& campaign, const PlannedRun& run,
                                             const RunSetup& setup) {
  note_scale(campaign, run);
  return run_policies(setup, [&] { return campaign.open(setup.system); },
                      {.progress = campaign.progress,
                       .baselines = &campaign.baselines,
                       .online_alone = run.online_alone,
                       .offline_alone = run.offline_alone});
}

Result<std::vector<SeenProgram>> see_in(experiments::Session& session,
                                        const std::vector<Program>& programs) {
  std::vector<SeenProgram> seen;
  for (const Program& program : programs) {
    Pid pid;
    experiments::Followed followed;
    GPREEMPT_TRY(store(pid, session.testbed().launch(program)));
    const AttachMode mode = program.offline ? AttachMode::kControl : AttachMode::kObserve;
    GPREEMPT_TRY(store(followed, session.follow(pid, mode)));
    seen.push_back(
        {.name = program.name, .pid = pid, .queues = session.backend().queues(followed.id)});
  }
  return seen;
}

}  // namespace

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

Result<std::vector<SeenProgram>> see_queues(Campaign& campaign, const RunSetup& setup) {
  experiments::Setting setting = setting_of(campaign);
  setting.open = [&](const experiments::WorldRequest& /*request*/) {
    return campaign.open(setup.system);
  };
  return experiments::in_world(
      setting, {.gpus = setup.system.gpus, .seed = campaign.seed},
      [&](experiments::Session& session) { return see_in(session, setup.workload.programs); });
}

Result<std::vector<PolicyMetrics>> run_planned(Campaign& campaign, const PlannedRun& run) {
  RunSetup setup;
  GPREEMPT_TRY(store(setup, set_up(campaign, run)));
  return run_setup(campaign, run, setup);
}

Result<PolicyMetrics> run_alone(Campaign& campaign, const PlannedRun& run, TenantClass cls) {
  PlannedRun lonely = run;
  lonely.policies = {"none"};
  lonely.online_alone = lonely.offline_alone = false;
  RunSetup setup;
  GPREEMPT_TRY(store(setup, set_up(campaign, lonely)));
  setup.workload = only(setup.workload, cls);
  return run_setup(campaign, lonely, setup).map([](const std::vector<PolicyMetrics>& results) {
    return results.front();
  });
}

}  // namespace gpreempt::cli
