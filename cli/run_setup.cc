#include "cli/run_setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/model_file.h"
#include "cli/run_options.h"
#include "config/document.h"
#include "config/override.h"
#include "core/error.h"
#include "core/mechanism.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/time.h"
#include "core/units.h"
#include "workloads/compile.h"
#include "workloads/loader.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

struct Overrides {
  std::vector<Override> scenario;
  std::vector<Override> model;
};

Overrides sort_out(const std::vector<Override>& set) {
  Overrides overrides;
  for (const Override& each : set) {
    if (each.path.front() == "model") {
      overrides.model.push_back(
          {.path = {each.path.begin() + 1, each.path.end()}, .value = each.value});
    } else {
      overrides.scenario.push_back(each);
    }
  }
  return overrides;
}

Result<void> apply(const RunOptions& options, Scenario& scenario) {
  if (options.seed) {
    scenario.run.seed = *options.seed;
  }
  if (options.duration) {
    if (*options.duration <= scenario.run.warmup) {
      return fail(
          Errc::kInvalidArgument,
          fmt::format("apply --duration {}: the warm-up of {} leaves nothing to count; it "
                      "must be longer",
                      format_duration(*options.duration), format_duration(scenario.run.warmup)));
    }
    scenario.run.duration = options.duration;
  }
  if (!options.backend.model.empty()) {
    scenario.hardware.model = options.backend.model;
  }
  if (!options.backend.personality.empty()) {
    scenario.hardware.personality = options.backend.personality;
  }
  if (options.mechanism) {
    scenario.scheduler.mechanism = *options.mechanism;
  }
  return {};
}

/// Refused here, since a backend would refuse every suspend.
Result<void> check_grace(const Scenario& scenario, const sim::GpuParameters& gpu) {
  const std::optional<Duration>& grace = scenario.scheduler.grace;
  if (!grace) {
    return {};
  }
  const Result<Duration> held = sim::representable_grace(*grace, gpu.clock_hz);
  if (!held) {
    return fail(Errc::kInvalidArgument, fmt::format("check [scheduler] grace of scenario '{}': {}",
                                                    scenario.name, held.error().what));
  }
  return {};
}

/// What fills one GPU: on every CU as many workgroups as its wave slots allow.
KernelShape whole_gpu(const sim::GpuParameters& gpu) {
  KernelShape shape = HardwareFacts{}.whole_gpu;
  shape.workgroups = std::max(1U, gpu.cus() * sim::workgroups_per_cu(gpu, shape));
  return shape;
}

bool is_policy_name(const std::string& text) {
  return std::ranges::find(policy_names(), text) != policy_names().end();
}

/// Of `all`, those that the scenario does not tell enough are left out.
Result<std::vector<std::string>> read_policies(const RunOptions& options, const Scenario& scenario,
                                               std::vector<std::string>& left_out) {
  const SchedulerScenario& scheduler = scenario.scheduler;
  std::vector<std::string> names = options.policies;
  if (names.empty()) {
    names.push_back(scheduler.policy);
  }
  std::vector<std::string> policies;
  for (const std::string& name : names) {
    const std::string spec = policy_with_options(scheduler, name);
    std::unique_ptr<Policy> policy;
    GPREEMPT_TRY(store(policy, make_policy(spec)));
    const Result<void> fits = check_needs(spec, policy->needs(), scenario);
    if (!fits && !(options.all_policies && is_policy_name(name))) {
      return tl::unexpected<Error>(fits.error());
    }
    (fits ? policies : left_out).push_back(spec);
  }
  return policies;
}

/// The model's host launches on one GPU only.
Result<void> check_hosts(const Scenario& scenario, const Mechanism& mechanism) {
  const bool at_host = mechanism.kind == MechanismKind::kLaunchThrottle ||
                       mechanism.kind == MechanismKind::kKernelBoundary ||
                       mechanism.kind == MechanismKind::kSigstop;
  for (const TenantScenario& tenant : scenario.tenants) {
    const bool several = tenant.gang && tenant.gang->one_process && tenant.gang->gpus.size() > 1;
    if (at_host && tenant.offline && several) {
      return fail(Errc::kUnsupported,
                  fmt::format("check tenant '{}': mechanism {} acts on what a process launches, "
                              "which is modelled on one GPU; use processes = \"per-gpu\" or "
                              "another mechanism",
                              tenant.name, mechanism.spec));
    }
  }
  return {};
}

bool serves(const Workload& workload) {
  return std::ranges::any_of(workload.programs, [](const Program& program) {
    return !program.offline && program.serving.has_value();
  });
}

Result<void> check_load(const RunSetup& setup) {
  for (std::size_t gpu = 0; gpu < setup.utilisation.size(); ++gpu) {
    if (setup.utilisation[gpu] >= 1) {
      return fail(
          Errc::kInvalidArgument,
          fmt::format("check the load of scenario '{}': Online alone needs {:.1f} % of GPU "
                      "{}{}, so its queue grows without bound whatever the policy; lower "
                      "its rate or its work",
                      setup.scenario.name, 100 * setup.utilisation[gpu], gpu,
                      serves(setup.workload) ? " (its LLM engine counted at full batches)" : ""));
    }
  }
  if (setup.workload.warmup >= setup.workload.duration) {
    return fail(Errc::kInvalidArgument,
                fmt::format("check scenario '{}': its warm-up of {} is not shorter than the run of "
                            "{}, so nothing would be counted",
                            setup.scenario.name, format_duration(setup.workload.warmup),
                            format_duration(setup.workload.duration)));
  }
  return {};
}

/// Whatever depends on the hardware's numbers.
Result<void> fit_to(const sim::GpuParameters& gpu, RunSetup& setup) {
  const Scenario& scenario = setup.scenario;
  GPREEMPT_TRY(check_grace(scenario, gpu));
  setup.system.gpu = gpu;
  const HardwareFacts facts{
      .flops_fp16 = gpu.flops_fp16, .gpus = setup.system.gpus, .whole_gpu = whole_gpu(gpu)};
  GPREEMPT_TRY(store(setup.workload, compile(scenario, facts,
                                             {.seed = scenario.run.seed, .traces = setup.traces})));
  setup.utilisation.clear();
  for (std::uint32_t index = 0; index < setup.system.gpus; ++index) {
    setup.utilisation.push_back(online_utilisation(setup.workload, index));
  }
  return check_load(setup);
}

Result<RunSetup> read_setup(const RunOptions& options) {
  RunSetup setup;
  Scenario& scenario = setup.scenario;
  ScenarioText source;
  const Overrides overrides = sort_out(options.set);
  GPREEMPT_TRY(store(source, find_scenario_text(options.scenario)));
  GPREEMPT_TRY(store(scenario, read_scenario(source, overrides.scenario)));
  setup.scenario_text = std::move(source.text);
  GPREEMPT_TRY(apply(options, scenario));
  GPREEMPT_TRY(store(setup.mechanism, make_mechanism(scenario.scheduler.mechanism)));
  GPREEMPT_TRY(check_hosts(scenario, setup.mechanism));
  GPREEMPT_TRY(store(setup.policies, read_policies(options, scenario, setup.left_out)));
  const HardwareScenario& hardware = scenario.hardware;
  GPREEMPT_TRY(
      store(setup.model, sim::find_model(hardware.model, hardware.num_kcq, overrides.model)));
  GPREEMPT_TRY(store(setup.system.personality, sim::find_personality(hardware.personality)));
  setup.system.gpus = hardware.gpus;
  setup.system.seed = scenario.run.seed;
  setup.traces = options.traces;
  return setup;
}

}  // namespace

Result<RunSetup> prepare(const RunOptions& options) {
  Result<RunSetup> setup = read_setup(options);
  if (!setup && setup.error().code == Errc::kIo) {
    setup.error().code = Errc::kInvalidArgument;
  }
  return setup;
}

Result<RunSetup> set_up(const RunOptions& options) {
  return prepare(options).and_then(
      [](const RunSetup& prepared) { return with_seed(prepared, prepared.scenario.run.seed); });
}

Result<RunSetup> with_seed(const RunSetup& prepared, std::uint64_t seed) {
  RunSetup setup = prepared;
  setup.scenario.run.seed = seed;
  setup.system.seed = seed;
  Result<void> fitted = fit_to(setup.model.point, setup);
  if (!fitted) {
    Error error = std::move(fitted).error();
    error.code = error.code == Errc::kIo ? Errc::kInvalidArgument : error.code;
    return tl::unexpected<Error>(std::move(error));
  }
  return setup;
}

Result<RunSetup> on_hardware(const RunSetup& setup, const sim::GpuParameters& gpu) {
  RunSetup other = setup;
  GPREEMPT_TRY(fit_to(gpu, other));
  return other;
}

MissingNeeds missing_needs(PolicyNeeds needs, const Scenario& scenario) {
  MissingNeeds missing{.requests = scenario.scheduler.detection.kind == DetectionKind::kPoll &&
                                   (needs.requests || needs.deadlines)};
  const auto without = std::ranges::find_if(scenario.tenants, [](const TenantScenario& tenant) {
    return !tenant.offline && !tenant.deadline;
  });
  if (needs.deadlines && without != scenario.tenants.end()) {
    missing.no_deadline = &*without;
  }
  return missing;
}

Result<void> check_needs(const std::string& policy, PolicyNeeds needs, const Scenario& scenario) {
  const MissingNeeds missing = missing_needs(needs, scenario);
  if (missing.requests) {
    return fail(Errc::kInvalidArgument,
                fmt::format("check policy '{}': it must be told of each request, and detection "
                            "\"{}\" only sees rings turn busy and idle; write detection = "
                            "\"hint\" in [scheduler], or take a policy that needs activity only, "
                            "such as suspend",
                            policy, to_string(scenario.scheduler.detection)));
  }
  if (missing.no_deadline != nullptr) {
    return fail(Errc::kInvalidArgument,
                fmt::format("check policy '{}': it must know by when requests are to be done, and "
                            "Online tenant '{}' has no deadline; give it deadline = \"50ms\", or "
                            "[slo] online_latency a limit for all",
                            policy, missing.no_deadline->name));
  }
  return {};
}

}  // namespace gpreempt::cli
