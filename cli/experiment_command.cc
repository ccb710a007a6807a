#include "cli/experiment_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/sim/system.h"
#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/experiment_options.h"
#include "cli/experiment_report.h"
#include "cli/machine_choice.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run_options.h"
#include "cli/verb_line.h"
#include "cli/verdict_folder.h"
#include "cli/worlds.h"
#include "config/document.h"
#include "core/error.h"
#include "core/testbed.h"
#include "experiments/experiment.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

using experiments::Experiment;
using experiments::Verdict;

std::string experiment_footer() {
  return R"(
What it does:
  Puts a question to a driver and a GPU, with as many repetitions as the answer takes, and says what the
  answer is, why, and how sure that is. The same code runs on the simulator, on the KFD client over
  the modelled driver, and on a GPU. What a world cannot do is "unavailable", with the reason.
  docs/experiments.md says how each is made and what it shows.

)" + experiments_text() +
         R"(
Examples:
  gpreempt experiment queue-ids                          on the simulator
  gpreempt experiment suspend-latency --backend vkfd --quick
  gpreempt experiment all --quick --out results/         with results/verdicts.json

Exit codes:
  0  answered      1  a limit or an expectation is missed      2  usage, or refused input
  3  nothing could be found out on this machine, or a file cannot be written)";
}

class ExperimentLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const experiment = app.add_subcommand(
        "experiment",
        "Questions to a driver and a GPU: queue ids, suspend latency, priorities, ...");
    experiment->add_option("NAME", options_.names, "Experiments; all, or list for what there is");
    experiment
        ->add_option("--backend", backend_,
                     "sim, vkfd or kfd; sim:MODEL,personality=NAME for other hardware")
        ->capture_default_str();
    experiment->add_flag("--quick", options_.quick, "Fewer repetitions and combinations");
    experiment->add_option("--seed", seed_, "Of every random draw")->capture_default_str();
    experiment->add_option("--mqds-dir", mqds_dir_,
                           "queue-ids: judge saved mqds dumps in this folder instead of running");
    experiment->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    experiment->add_option("--out", out_, "Writes verdicts.json into this folder");
    experiment->add_flag("--quiet", options_.quiet, "No progress on stderr");
    experiment->footer(experiment_footer());
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.backend, read_backend(backend_)));
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    GPREEMPT_TRY(store(options_.seed, read_seed(seed_)));
    options_.out = out_;
    options_.mqds_dir = mqds_dir_;
    if (options_.names.empty()) {
      return fail(Errc::kInvalidArgument,
                  "reading the command line: experiment needs a name; see 'gpreempt experiment "
                  "list'");
    }
    return Command{std::move(options_)};
  }

 private:
  ExperimentOptions options_;
  std::string backend_ = "sim";
  std::string seed_ = "1";
  std::string format_ = "text";
  std::string out_;
  std::string mqds_dir_;
};

Result<std::vector<const Experiment*>> chosen(const std::vector<std::string>& names) {
  std::vector<const Experiment*> found;
  const auto add = [&](const Experiment& each) {
    if (std::ranges::find(found, &each) == found.end()) {
      found.push_back(&each);
    }
  };
  for (const std::string& name : names) {
    if (name == "all") {
      for (const Experiment& each : experiments::experiments()) {
        add(each);
      }
      continue;
    }
    const Experiment* experiment = nullptr;
    GPREEMPT_TRY(store(experiment, experiments::find_experiment(name)));
    add(*experiment);
  }
  return found;
}

Result<std::vector<Verdict>> run_all(const std::vector<const Experiment*>& wanted,
                                     const experiments::Setting& setting, Progress& progress) {
  std::vector<Verdict> verdicts;
  for (const Experiment* experiment : wanted) {
    progress.phase(std::string(experiment->name));
    std::vector<Verdict> more;
    GPREEMPT_TRY(store(more, run_experiment(*experiment, setting)));
    std::ranges::move(more, std::back_inserter(verdicts));
  }
  return verdicts;
}

Result<std::vector<Verdict>> run_on(const ExperimentOptions& options,
                                    const std::vector<const Experiment*>& wanted) {
  Progress progress(options.quiet);
  experiments::Setting setting{.open = {},
                               .quick = options.quick,
                               .seed = options.seed,
                               .backend = to_string(options.backend.kind),
                               .basis = experiments::Basis::kSimulated,
                               .progress = [&](double done) { progress.update(done); }};
  const Result<void> usable = check_backend(options.backend.kind);
  if (!usable) {
    setting.basis = options.backend.kind == BackendKind::kKfd ? experiments::Basis::kMeasured
                                                              : experiments::Basis::kSimulated;
    setting.open =
        [&](const experiments::WorldRequest& /*request*/) -> Result<std::unique_ptr<Testbed>> {
      return tl::unexpected<Error>(usable.error());
    };
    return run_all(wanted, setting, progress);
  }
  sim::SystemOptions machine;
  GPREEMPT_TRY(store(machine, machine_of(options.backend)));
  std::vector<Verdict> verdicts;
  GPREEMPT_TRY(run_in_world(options.backend.kind, [&](const OpenMachine& open) -> Result<void> {
    setting.open = [&](const experiments::WorldRequest& request) {
      sim::SystemOptions one = machine;
      one.gpus = request.gpus;
      one.seed = request.seed;
      if (request.read_index_early) {
        one.gpu.read_index_early = *request.read_index_early ? 1 : 0;
      }
      return open(one);
    };
    return store(verdicts, run_all(wanted, setting, progress));
  }));
  progress.finish();
  return verdicts;
}

ExitCode code_of(const std::vector<Verdict>& verdicts) {
  const auto answered = [](experiments::Answer answer) {
    return [answer](const Verdict& verdict) { return verdict.answer == answer; };
  };
  if (std::ranges::any_of(verdicts, answered(experiments::Answer::kMissed))) {
    return ExitCode::kGateFailed;
  }
  return std::ranges::all_of(verdicts, answered(experiments::Answer::kUnavailable))
             ? ExitCode::kEnvironment
             : ExitCode::kOk;
}

}  // namespace

std::unique_ptr<VerbLine> experiment_line() { return std::make_unique<ExperimentLine>(); }

Result<ExitCode> experiment_command(const ExperimentOptions& options) {
  if (options.names.front() == "list") {
    GPREEMPT_TRY(
        print(options.format == OutputFormat::kJson ? experiments_json() : experiments_text()));
    return ExitCode::kOk;
  }
  std::vector<const Experiment*> wanted;
  GPREEMPT_TRY(store(wanted, chosen(options.names)));
  std::vector<Verdict> verdicts;
  GPREEMPT_TRY(store(verdicts, run_on(options, wanted)));
  const std::string document =
      experiments::verdicts_document("experiment", to_string(options.backend.kind), verdicts);
  if (!options.out.empty()) {
    GPREEMPT_TRY(write_verdicts(options.out, document));
  }
  GPREEMPT_TRY(print(options.format == OutputFormat::kJson ? document : verdicts_text(verdicts)));
  return code_of(verdicts);
}

}  // namespace gpreempt::cli
