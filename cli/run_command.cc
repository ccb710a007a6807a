#include "cli/run_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/band.h"
#include "cli/bundle.h"
#include "cli/exit_code.h"
#include "cli/metrics.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/policy_runs.h"
#include "cli/process_options.h"
#include "cli/progress.h"
#include "cli/report_command.h"
#include "cli/report_json.h"
#include "cli/report_options.h"
#include "cli/report_text.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/summary.h"
#include "cli/worlds.h"
#include "config/document.h"
#include "core/error.h"
#include "core/policy.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include "cli/process_world.h"
#endif

namespace gpreempt::cli {
namespace {

/// The lowest logical priority of the Offline tenants on its GPUs, if there are any.
std::optional<std::uint32_t> lowest_offline(const Workload& workload, const TenantMeta& online) {
  std::optional<std::uint32_t> lowest;
  for (const TenantMeta& other : workload.tenants) {
    if (other.cls == TenantClass::kOffline &&
        std::ranges::find_first_of(other.gpus, online.gpus) != other.gpus.end()) {
      lowest = std::min(lowest.value_or(other.priority), other.priority);
    }
  }
  return lowest;
}

/// Policies take nothing away for a tenant whose logical priority is not higher.
void warn_of_ranks(const RunSetup& setup, std::vector<std::string>& warnings) {
  const auto acts = [](const std::string& policy) { return policy != "none"; };
  if (std::ranges::none_of(setup.policies, acts)) {
    return;
  }
  const Workload& workload = setup.workload;
  for (const TenantMeta& tenant : workload.tenants) {
    if (tenant.cls != TenantClass::kOnline) {
      continue;
    }
    const std::optional<std::uint32_t> lowest = lowest_offline(workload, tenant);
    if (lowest && tenant.priority <= *lowest) {
      warnings.push_back(
          fmt::format("the priority {} of Online tenant {} is not higher than that of any Offline "
                      "tenant on its GPU (the lowest is {}), so nothing is ever suspended for it",
                      tenant.priority, tenant.name, *lowest));
    }
  }
}

/// One line for all of them, those that lack the same together.
void warn_of_left_out(const RunSetup& setup, std::vector<std::string>& warnings) {
  std::map<std::string, std::string> policies;
  for (const std::string& spec : setup.left_out) {
    const Result<std::unique_ptr<Policy>> policy = make_policy(spec);
    if (policy) {
      const MissingNeeds missing = missing_needs((*policy)->needs(), setup.scenario);
      const bool both = missing.requests && missing.no_deadline != nullptr;
      std::string& names =
          policies[fmt::format("{}{}{}", missing.requests ? "requests" : "", both ? " and " : "",
                               missing.no_deadline != nullptr ? "deadlines" : "")];
      names += (names.empty() ? "" : ", ") + spec;
    }
  }
  std::string text;
  for (const auto& [missing, names] : policies) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : "; ", names, missing);
  }
  if (!text.empty()) {
    warnings.push_back(
        fmt::format("left out of `all`, with what this scenario does not tell: {}; name one in "
                    "--policy to see what to write",
                    text));
  }
}

std::vector<std::string> warnings_of(const RunSetup& setup,
                                     const std::vector<PolicyMetrics>& results) {
  std::vector<std::string> warnings;
  warn_of_ranks(setup, warnings);
  warn_of_left_out(setup, warnings);
  for (const PolicyMetrics& result : results) {
    if (result.refusals != 0) {
      warnings.push_back(
          fmt::format("policy {}: the backend refused {} requests of the scheduler; "
                      "see refusals in events.jsonl",
                      result.policy, result.refusals));
    }
    for (const GangMetrics& gang : result.gangs) {
      if (gang.aborted) {
        warnings.push_back(
            fmt::format("policy {}: a collective of {} timed out, which ended the "
                        "job; see collective.timeout",
                        result.policy, gang.name));
      }
    }
    if (result.leases_expired != 0) {
      warnings.push_back(
          fmt::format("policy {}: {} suspensions were ended by their lease, while "
                      "Online still had work",
                      result.policy, result.leases_expired));
    }
  }
  return warnings;
}

/// With "all", `none` is there to compare with and not to be judged.
std::vector<std::string> judge(const RunOptions& options, const RunSummary& summary) {
  std::vector<std::string> missed;
  for (const PolicyMetrics& result : summary.results) {
    if (options.all_policies && result.policy == "none") {
      continue;
    }
    for (std::string& miss : missed_limits(result, summary.setup.scenario.slo)) {
      missed.push_back(std::move(miss));
    }
  }
  return missed;
}

Result<void> check_gate(const RunOptions& options, const SloScenario& slo) {
  if (options.gate && slo.online_latency.empty() && slo.offline_loss.empty()) {
    return fail(Errc::kInvalidArgument,
                "apply --gate: the scenario has no limits to judge; write [slo] online_latency or "
                "offline_loss");
  }
  return {};
}

/// Null without --out.
Result<std::unique_ptr<Bundle>> start_bundle(const RunOptions& options, const RunSetup& setup) {
  std::unique_ptr<Bundle> bundle;
  if (options.out.empty()) {
    return bundle;
  }
  Result<Bundle> created = Bundle::create(options.out);
  if (!created) {
    return tl::unexpected<Error>(std::move(created).error());
  }
  bundle = std::make_unique<Bundle>(*std::move(created));
  GPREEMPT_TRY(bundle->write("run.json", describe_run(options, setup)));
  GPREEMPT_TRY(bundle->write("scenario.toml", setup.scenario_text));
  GPREEMPT_TRY(bundle->write("model.toml", setup.model.text));
  return bundle;
}

/// What a machine does not tell is not 0.
void leave_open(std::vector<PolicyMetrics>& results) {
  for (PolicyMetrics& result : results) {
    result.preemptions.is_blind = true;
    result.preemptions.saved_bytes_mean.reset();
    result.preemptions.bystander_per_call.reset();
    std::optional<OfflineMetrics>& offline = result.offline;
    if (offline && offline->baseline_work == Duration{} && offline->baseline_kernels > 0) {
      // How long kernels take alone is not known, but how many there were: what of the loss is due
      // to Online's share is not known then.
      offline->loss = 1 - static_cast<double>(offline->kernels) /
                              static_cast<double>(offline->baseline_kernels);
    }
  }
}

/// The policies on this machine's GPUs.
Result<void> run_measured(const RunOptions& options, Progress& progress, Bundle* bundle,
                          RunSummary& summary) {
#ifdef GPREEMPT_CLI_HAS_KFD
  const ProcessOptions& processes = options.processes;
  // What ran before runs on beside everybody: there is no time at which one side is alone.
  const bool is_alone_known =
      processes.baselines && processes.online_pids.empty() && processes.offline_pids.empty();
  summary.measured.emplace();
  GPREEMPT_TRY(run_on_processes(
      options, summary.setup,
      [&](const OpenTestbed& open) -> Result<void> {
        return store(summary.results, run_policies(summary.setup, open,
                                                   {.progress = &progress,
                                                    .bundle = bundle,
                                                    .online_alone = is_alone_known,
                                                    .offline_alone = is_alone_known}));
      },
      *summary.measured));
  leave_open(summary.results);
#else
  (void)options;
  (void)progress;
  (void)bundle;
  (void)summary;
#endif
  return {};
}

/// --dry-run.
Result<ExitCode> show_plan(const RunOptions& options, const RunSetup& setup) {
#ifdef GPREEMPT_CLI_HAS_KFD
  std::string plan;
  GPREEMPT_TRY(store(plan, process_plan(options, setup)));
  GPREEMPT_TRY(print(plan));
#else
  (void)options;
  (void)setup;
#endif
  return ExitCode::kOk;
}

Result<void> check_band(const RunOptions& options) {
  if (options.band != 0 && options.backend.kind != BackendKind::kSim) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format("apply --band {}: draws run on backend sim only; leave out --backend {}",
                    options.band, to_string(options.backend.kind)));
  }
  return {};
}

}  // namespace

Result<ExitCode> run_command(const RunOptions& options) {
  GPREEMPT_TRY(check_backend(options.backend.kind, options.processes.device));
  GPREEMPT_TRY(check_band(options));
  RunSummary summary;
  summary.backend = options.backend.kind;
  RunSetup& setup = summary.setup;
  GPREEMPT_TRY(store(setup, set_up(options)));
  GPREEMPT_TRY(check_gate(options, setup.scenario.slo));
  const bool is_measured = options.backend.kind == BackendKind::kKfd;
  if (is_measured && options.processes.dry_run) {
    return show_plan(options, setup);
  }
  std::unique_ptr<Bundle> bundle;
  GPREEMPT_TRY(store(bundle, start_bundle(options, setup)));
  Progress progress(options.quiet);
  if (is_measured) {
    GPREEMPT_TRY(run_measured(options, progress, bundle.get(), summary));
  } else {
    GPREEMPT_TRY(run_in_world(
        options.backend.kind, setup.system, [&](const OpenTestbed& open) -> Result<void> {
          return store(summary.results,
                       run_policies(setup, open, {.progress = &progress, .bundle = bundle.get()}));
        }));
  }
  if (options.band != 0) {
    GPREEMPT_TRY(store(summary.band, band_over_priors(setup, options.band, progress)));
  }
  progress.finish();
  summary.warnings = warnings_of(setup, summary.results);
  if (summary.measured) {
    std::ranges::copy(summary.measured->warnings, std::back_inserter(summary.warnings));
  }
  summary.gated = options.gate;
  if (options.gate) {
    summary.missed = judge(options, summary);
  }
  if (bundle) {
    GPREEMPT_TRY(bundle->finish());
    GPREEMPT_TRY(bundle->write("run.json", describe_run(options, setup, bundle->traces())));
    GPREEMPT_TRY(bundle->write("summary.json", report_json(summary)));
    GPREEMPT_TRY(write_page(options.out, ReportKind::kRun));
  }
  GPREEMPT_TRY(
      print(options.format == OutputFormat::kJson ? report_json(summary) : report_text(summary)));
  return summary.missed.empty() ? ExitCode::kOk : ExitCode::kGateFailed;
}

}  // namespace gpreempt::cli
