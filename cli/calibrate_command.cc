#include "cli/calibrate_command.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/calibrate_options.h"
#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/run_options.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include "cli/calibrate_run.h"
#endif

namespace gpreempt::cli {
namespace {

constexpr const char* kFooter = R"(
What it does:
  Fits the costs of a hardware model to what a client saw: latencies of suspends and resumes,
  bytes saved, the times in queue descriptors, gaps of a heartbeat. Costs that cannot be told apart
  are reported as sums. Predictions are written, with their SHA-256, before held-out.csv is read;
  then it says how far they were off, and how many calls fell into their intervals.
  docs/calibration.md has the method, the files and what the numbers mean.

Examples:
  gpreempt experiment suspend-costs --backend vkfd --out bundle/
  gpreempt calibrate bundle/ --out calibrated/
  gpreempt run --set hardware.model='"calibrated/mi308x.toml"'
  gpreempt calibrate --campaign 200                   on machines whose costs are known

Exit codes:
  0  fitted        1  the model's formulas do not hold for what was seen
  2  usage, or refused input                     3  a file cannot be written)";

class CalibrateLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const calibrate = app.add_subcommand(
        "calibrate", "A model's costs, fitted to the samples of experiment suspend-costs");
    calibrate->add_option("BUNDLE", bundle_, "Folder of experiment suspend-costs --out");
    calibrate->add_option("--out", out_, "Writes predictions, results and the model there");
    calibrate->add_option("--model", options_.model, "Whose costs are fitted: a model or its file")
        ->capture_default_str();
    calibrate->add_option("--campaign", campaign_,
                          "Tries the method on so many modelled machines instead");
    calibrate->add_option("--backend", backend_, "Of the campaign: sim or vkfd")
        ->capture_default_str();
    calibrate->add_flag("--wrong-model", options_.wrong_model,
                        "The campaign's machines do what no formula of the model can be");
    calibrate->add_option("--seed", seed_, "Of every random draw")->capture_default_str();
    calibrate->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    calibrate->add_flag("--quiet", options_.quiet, "No progress on stderr");
    calibrate->footer(kFooter);
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    GPREEMPT_TRY(store(options_.seed, read_seed(seed_)));
    options_.bundle = bundle_;
    options_.out = out_;
    if (bundle_.empty() == campaign_.empty()) {
      return fail(Errc::kInvalidArgument,
                  "reading the command line: calibrate needs a bundle or --campaign, and not both; "
                  "see 'gpreempt calibrate --help'");
    }
    if (!campaign_.empty()) {
      GPREEMPT_TRY(store(options_.campaign, read_draws(campaign_, "--campaign")));
      BackendChoice choice;
      GPREEMPT_TRY(store(choice, read_backend(backend_)));
      if (choice.kind == BackendKind::kKfd) {
        return fail(Errc::kInvalidArgument,
                    "reading --backend 'kfd': the true costs of hardware are not known; a campaign "
                    "takes sim or vkfd");
      }
      options_.backend = choice.kind;
    }
    return Command{std::move(options_)};
  }

 private:
  CalibrateOptions options_;
  std::string bundle_;
  std::string out_;
  std::string campaign_;
  std::string backend_ = "vkfd";
  std::string seed_ = "1";
  std::string format_ = "text";
};

}  // namespace

std::unique_ptr<VerbLine> calibrate_line() { return std::make_unique<CalibrateLine>(); }

#ifdef GPREEMPT_CLI_HAS_KFD
Result<ExitCode> calibrate_command(const CalibrateOptions& options) {
  return options.campaign > 0 ? run_calibration_campaign(options) : run_calibration(options);
}
#else
Result<ExitCode> calibrate_command(const CalibrateOptions& /*options*/) {
  return fail(Errc::kUnsupported,
              "calibrate: left out of this build; configure with GPREEMPT_WITH_KFD=ON on Linux");
}
#endif

}  // namespace gpreempt::cli
