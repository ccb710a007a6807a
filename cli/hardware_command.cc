#include "cli/hardware_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/sim/system.h"
#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/hardware_gates.h"
#include "cli/hardware_options.h"
#include "cli/machine_choice.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run_options.h"
#include "cli/safety_line.h"
#include "cli/verb_line.h"
#include "cli/worlds.h"
#include "config/document.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/testbed.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include "backends/kfd/linux_os.h"
#include "cli/hardware_check.h"
#include "cli/hardware_report.h"
#include "cli/own_processes.h"
#include "cli/result_provenance.h"
#include "cli/verdict_folder.h"
#include "experiments/provenance.h"
#include "experiments/verdict.h"
#endif

namespace gpreempt::cli {
namespace {

std::string list_of_checks() {
#ifdef GPREEMPT_CLI_HAS_KFD
  return hardware_list(Gates());
#else
  return "This build has none: it takes GPREEMPT_WITH_KFD=ON on Linux.\n";
#endif
}

std::string hardware_footer() {
  return R"(
What it does:
  Runs the proof of concept's test plan on a world and holds what comes out against its limits. On sim
  and vkfd it says what the model expects of the hardware, in simulated time: an hour of the plan
  takes seconds. A limit that is missed there is missed, and no reason to change the limit.
  quick: shorter runs and fewer repetitions; full: the plan's own. docs/validate-hardware.md
  says how each check is made.
  Checks tagged exclusive-hive are skipped without --exclusive-hive, on every backend.

)" + list_of_checks() +
         R"(
Examples:
  gpreempt validate-hardware
  gpreempt validate-hardware --profile full --exclusive-hive --out results/
  gpreempt validate-hardware --only T-4 --backend vkfd --gate suspend-p99=10ms

Exit codes:
  0  no limit missed      1  one was missed      2  usage, or refused input
  3  nothing could be run on this machine, a GPU or its firmware failed, or a file cannot be
     written)";
}

/// Whether --profile says full.
Result<bool> read_profile(const std::string& text) {
  constexpr std::array<std::string_view, 2> kProfiles = {"quick", "full"};
  const auto* const found = std::ranges::find(kProfiles, text);
  if (found == kProfiles.end()) {
    return fail(Errc::kInvalidArgument, fmt::format("reading --profile '{}': unknown{}", text,
                                                    suggestion(text, kProfiles)));
  }
  return *found == "full";
}

class HardwareLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const verb = app.add_subcommand(
        "validate-hardware", "The test plan T-1 to T-18 on a world, against its limits");
    verb->add_option("--profile", profile_, "quick or full")->capture_default_str();
    verb->add_option("--backend", backend_,
                     "sim, vkfd or kfd; sim:MODEL,personality=NAME for other hardware")
        ->capture_default_str();
    verb->add_option("--only", options_.only, "A check, like T-4; repeatable")
        ->allow_extra_args(false);
    verb->add_option("--gate", gates_, "Another limit, NAME=VALUE; repeatable")
        ->allow_extra_args(false);
    verb->add_flag("--exclusive-hive", options_.exclusive_hive,
                   "Nobody else uses these GPUs or their hive: run what needs that, too");
    verb->add_option("--bystander", options_.bystanders,
                     "On kfd, somebody who may be disturbed: a pid, command:NAME, ...; repeatable")
        ->allow_extra_args(false);
    verb->add_flag("--allow-bystanders", options_.allow_bystanders, "On kfd, disturb anybody");
    verb->add_flag("--dry-run", options_.dry_run, "Print whom it would disturb, and do nothing");
    safety_.add(*verb, "Safety (--backend kfd)");
    verb->add_option("--seed", seed_, "Of every random draw")->capture_default_str();
    verb->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    verb->add_option("--out", out_, "Writes verdicts.json into this folder");
    verb->add_flag("--list", options_.list, "Prints the checks and the limits, and runs nothing");
    verb->add_flag("--quiet", options_.quiet, "No progress on stderr");
    verb->footer(hardware_footer());
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.backend, read_backend(backend_)));
    GPREEMPT_TRY(store(options_.safety, safety_.read(options_.backend.kind)));
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    GPREEMPT_TRY(store(options_.seed, read_seed(seed_)));
    GPREEMPT_TRY(store(options_.full, read_profile(profile_)));
    for (const std::string& gate : gates_) {
      GPREEMPT_TRY(options_.gates.set(gate));
    }
    options_.out = out_;
    return Command{std::move(options_)};
  }

 private:
  HardwareOptions options_;
  SafetyLine safety_;
  std::vector<std::string> gates_;
  std::string profile_ = "quick";
  std::string backend_ = "sim";
  std::string seed_ = "1";
  std::string format_ = "text";
  std::string out_;
};

#ifdef GPREEMPT_CLI_HAS_KFD
PlannedSteps planned_by(const HardwareOptions& options,
                        const std::vector<const HardwareCheck*>& checks) {
  PlannedSteps planned{.verb = "validate-hardware",
                       .backend = options.backend.kind,
                       .steps = {},
                       .exclusive_hive = options.exclusive_hive,
                       .bystanders = options.bystanders,
                       .allow_bystanders = options.allow_bystanders,
                       .safety = options.safety};
  for (const HardwareCheck* check : checks) {
    planned.steps.push_back(
        {.name = std::string(check->id), .needs_hive = check->tag == SafetyTag::kExclusiveHive});
  }
  return planned;
}

Result<std::vector<experiments::Verdict>> run_on(const HardwareOptions& options,
                                                 const std::vector<const HardwareCheck*>& checks) {
  Progress progress(options.quiet);
  kfd::LinuxOs os;
  Campaign campaign{.open = {},
                    .backend = options.backend,
                    .machine = {},
                    .gates = options.gates,
                    .full = options.full,
                    .seed = options.seed,
                    .exclusive_hive = options.exclusive_hive,
                    .progress = &progress,
                    .host = options.backend.kind == BackendKind::kKfd ? &os : nullptr,
                    .kernel_log = options.safety.kernel_log,
                    .baselines = {}};
  GPREEMPT_TRY(store(campaign.machine, machine_of(options.backend)));
  if (const Result<void> usable = check_backend(options.backend.kind); !usable) {
    campaign.open = [&](const sim::SystemOptions& /*machine*/) -> Result<std::unique_ptr<Testbed>> {
      return tl::unexpected<Error>(usable.error());
    };
    return run_checks(checks, campaign);
  }
  GPREEMPT_TRY(check_others(os, planned_by(options, checks)));
  std::vector<experiments::Verdict> verdicts;
  GPREEMPT_TRY(run_in_world(options.backend.kind, options.safety,
                            [&](const OpenMachine& open) -> Result<void> {
                              campaign.open = open;
                              return store(verdicts, run_checks(checks, campaign));
                            }));
  progress.finish();
  return verdicts;
}

Result<experiments::Provenance> provenance_for(const HardwareOptions& options) {
  kfd::LinuxOs os;
  experiments::Provenance provenance;
  GPREEMPT_TRY(store(provenance, provenance_of(options.backend, os)));
  provenance.seed = options.seed;
  provenance.profile = options.full ? "full" : "quick";
  for (const Gate& gate : options.gates.all()) {
    provenance.gates.emplace(gate.name, quantity_text(gate.unit, gate.value));
  }
  return provenance;
}
#endif

}  // namespace

std::unique_ptr<VerbLine> hardware_line() { return std::make_unique<HardwareLine>(); }

#ifdef GPREEMPT_CLI_HAS_KFD
Result<ExitCode> hardware_command(const HardwareOptions& options) {
  std::vector<const HardwareCheck*> checks;
  GPREEMPT_TRY(store(checks, choose_checks(options.only)));
  if (options.list) {
    GPREEMPT_TRY(print(hardware_list(options.gates)));
    return ExitCode::kOk;
  }
  if (options.dry_run) {
    kfd::LinuxOs os;
    std::string text;
    GPREEMPT_TRY(store(text, dry_run_text(os, planned_by(options, checks))));
    GPREEMPT_TRY(print(text));
    return ExitCode::kOk;
  }
  std::vector<experiments::Verdict> verdicts;
  GPREEMPT_TRY(store(verdicts, run_on(options, checks)));
  experiments::Provenance provenance;
  GPREEMPT_TRY(store(provenance, provenance_for(options)));
  const std::string document =
      experiments::verdicts_document("validate-hardware", provenance, verdicts);
  if (!options.out.empty()) {
    GPREEMPT_TRY(write_verdicts(options.out, document));
  }
  GPREEMPT_TRY(print(
      options.format == OutputFormat::kJson ? document : hardware_text(verdicts, options.gates)));
  return exit_code_of(verdicts);
}
#else
Result<ExitCode> hardware_command(const HardwareOptions& /*options*/) {
  return fail(Errc::kUnsupported,
              "validate-hardware: the KFD client was left out of this build; configure with "
              "GPREEMPT_WITH_KFD=ON on Linux");
}
#endif

}  // namespace gpreempt::cli
