#include "cli/experiment_command.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/experiment_options.h"
#include "cli/option_values.h"
#include "cli/run_options.h"
#include "cli/safety_line.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include "cli/experiment_report.h"
#include "cli/experiment_run.h"
#endif

namespace gpreempt::cli {
namespace {

std::string list_of_experiments() {
#ifdef GPREEMPT_CLI_HAS_KFD
  return experiments_text();
#else
  return "This build has none: it takes GPREEMPT_WITH_KFD=ON on Linux.\n";
#endif
}

std::string experiment_footer() {
  return R"(
What it does:
  Puts a question to a driver and a GPU, with as many repetitions as the answer takes, and says what the
  answer is, why, and how sure that is. The same code runs on the simulator, on the KFD client over
  the modelled driver, and on a GPU. What a world cannot do is "unavailable", with the reason.
  docs/experiments.md says how each is made and what it shows.

)" + list_of_experiments() +
         R"(
Examples:
  gpreempt experiment queue-ids                          on the simulator
  gpreempt experiment suspend-latency --backend vkfd --quick
  gpreempt experiment all --quick --out results/         with results/verdicts.json
  gpreempt experiment lifecycle --mqds-dir results/lifecycle   judges the saved dumps again

Exit codes:
  0  answered      1  a limit or an expectation is missed      2  usage, or refused input
  3  nothing could be found out on this machine, a GPU or its firmware failed, or a file cannot be
     written)";
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
    experiment->add_flag("--exclusive-hive", options_.exclusive_hive,
                         "Nobody else uses these GPUs or their hive: on kfd, ask what needs that, "
                         "too");
    experiment
        ->add_option("--bystander", options_.bystanders,
                     "On kfd, somebody who may be disturbed: a pid, command:NAME, ...; "
                     "repeatable")
        ->allow_extra_args(false);
    experiment->add_flag("--allow-bystanders", options_.allow_bystanders,
                         "On kfd, disturb anybody");
    experiment->add_flag("--dry-run", options_.dry_run,
                         "Print whom it would disturb, and do nothing");
    safety_.add(*experiment, "Safety (--backend kfd)");
    experiment->add_option("--seed", seed_, "Of every random draw")->capture_default_str();
    experiment->add_option("--mqds-dir", mqds_dir_,
                           "queue-ids, lifecycle, priority: judge the dumps saved in this folder "
                           "instead of running");
    experiment->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    experiment->add_option(
        "--out", out_,
        "Writes verdicts.json into this folder, and the dumps that were seen into "
        "one of the experiment's name in it");
    experiment->add_flag("--quiet", options_.quiet, "No progress on stderr");
    experiment->footer(experiment_footer());
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.backend, read_backend(backend_)));
    GPREEMPT_TRY(store(options_.safety, safety_.read(options_.backend.kind)));
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
  SafetyLine safety_;
  std::string backend_ = "sim";
  std::string seed_ = "1";
  std::string format_ = "text";
  std::string out_;
  std::string mqds_dir_;
};

}  // namespace

std::unique_ptr<VerbLine> experiment_line() { return std::make_unique<ExperimentLine>(); }

#ifdef GPREEMPT_CLI_HAS_KFD
Result<ExitCode> experiment_command(const ExperimentOptions& options) {
  return run_experiments(options);
}
#else
Result<ExitCode> experiment_command(const ExperimentOptions& /*options*/) {
  return fail(Errc::kUnsupported,
              "experiment: left out of this build; configure with GPREEMPT_WITH_KFD=ON on Linux");
}
#endif

}  // namespace gpreempt::cli
