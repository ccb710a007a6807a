#include "cli/models_command.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/sim/embedded_models.h"
#include "backends/sim/model_file.h"
#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/models_options.h"
#include "cli/models_report.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tornado.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"

namespace gpreempt::cli {
namespace {

constexpr std::string_view kModelsFooter =
    R"(
What it does:
  `models` lists the built-in hardware models and what their costs rest on. `models show NAME` prints
  every parameter with its value, prior, evidence and source, and then runs a short fixed scenario
  with one parameter after another at 5 % and at 95 % of its prior, all others at their values: the
  changes of Online's added p99 and of the time to suspend a full GPU, the largest first. A second
  table has the same with save areas that stay in the GPU's memory: over the bus, what paces a save
  to memory does not enter. A parameter that moves nothing in either has no part in that scenario:
  Online finds the GPU empty and fills it (interference, t_relaunch), and gives hints (t_sync,
  read_index_early).
  NAME may be a TOML file of yours. --format json has the same, times in integer nanoseconds.

Examples:
  gpreempt models
  gpreempt models show mi308x --format json

Exit codes:
  0  done        2  usage, or a model that was refused      3  stdout cannot be written)";

class ModelsLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const models = app.add_subcommand(
        "models", "Lists hardware models; `show NAME` prints one and what matters in it");
    models->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    models->add_flag("--quiet", options_.quiet, "No progress on stderr");
    models->footer(std::string(kModelsFooter));
    CLI::App* const show = models->add_subcommand("show", "Everything about one model");
    show->add_option("NAME", options_.show, "A built-in model, or a TOML file")->required();
    show->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    show->add_flag("--quiet", options_.quiet, "No progress on stderr");
    show->footer(std::string(kModelsFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    return Command{std::move(options_)};
  }

 private:
  ModelsOptions options_;
  std::string format_ = "text";
};

Result<std::string> list(const ModelsOptions& options) {
  std::vector<sim::Model> models;
  for (const sim::EmbeddedModel& each : sim::embedded_models()) {
    sim::Model model;
    GPREEMPT_TRY(store(model, sim::find_model(std::string(each.name), options.num_kcq)));
    models.push_back(std::move(model));
  }
  return options.format == OutputFormat::kJson ? list_json(models) : list_text(models);
}

Result<std::string> show(const ModelsOptions& options) {
  Result<sim::Model> model = sim::find_model(options.show, options.num_kcq);
  if (!model) {
    Error error = std::move(model).error();
    // A name that is neither is a slip of the user's.
    error.code = error.code == Errc::kIo ? Errc::kInvalidArgument : error.code;
    return tl::unexpected<Error>(std::move(error));
  }
  Progress progress(options.quiet);
  Sensitivity sensitivity;
  GPREEMPT_TRY(store(sensitivity, sensitivity_of(*model, progress)));
  return options.format == OutputFormat::kJson ? model_json(*model, sensitivity)
                                               : model_text(*model, sensitivity);
}

}  // namespace

std::unique_ptr<VerbLine> models_line() { return std::make_unique<ModelsLine>(); }

Result<ExitCode> models_command(const ModelsOptions& options) {
  std::string text;
  GPREEMPT_TRY(store(text, options.show.empty() ? list(options) : show(options)));
  GPREEMPT_TRY(print(text));
  return ExitCode::kOk;
}

}  // namespace gpreempt::cli
