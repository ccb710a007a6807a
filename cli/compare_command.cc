#include "cli/compare_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/compare_options.h"
#include "cli/comparison.h"
#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/policy_runs.h"
#include "cli/progress.h"
#include "cli/report_json.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/summary.h"
#include "cli/verb_line.h"
#include "cli/worlds.h"
#include "config/document.h"
#include "core/error.h"
#include "core/name_spec.h"
#include "core/nearest.h"

namespace gpreempt::cli {
namespace {

constexpr std::string_view kCompareFooter =
    R"(
A and B:
  FOLDER             a bundle that `run --out` wrote: its summary.json
  FILE.json          what `run --format json` printed
  SCENARIO           a run to make on backend sim, with the scenario's own policy
  SCENARIO:key=value,...   the same with policy, mechanism, model, personality, seed or duration

  Policies are matched by name; if each side has only one, these two are compared. What else differs
  (seed, scenario, model, ...) is noted, since it moves the numbers too.

Examples:
  gpreempt compare out/before out/after
  gpreempt compare default:policy=none default:policy=suspend
  gpreempt compare default default:model=mi300x --format json

Exit codes:
  0  done        2  usage, or a side that was refused      3  stdout cannot be written)";

class CompareLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const compare =
        app.add_subcommand("compare", "Two results side by side: bundles, or runs to make");
    compare->add_option("A", options_.left, "A bundle, a summary.json, or a run")->required();
    compare->add_option("B", options_.right, "The same")->required();
    compare->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    compare->add_flag("--quiet", options_.quiet, "No progress on stderr");
    compare->footer(std::string(kCompareFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    return Command{std::move(options_)};
  }

 private:
  CompareOptions options_;
  std::string format_ = "text";
};

Result<void> apply(const std::string& key, const std::string& value, RunOptions& options) {
  if (key == "policy") {
    options.policies = {value};
  } else if (key == "mechanism") {
    options.mechanism = value;
  } else if (key == "model") {
    options.backend.model = value;
  } else if (key == "personality") {
    options.backend.personality = value;
  } else if (key == "seed") {
    GPREEMPT_TRY(store(options.seed, read_seed(value)));
  } else {
    GPREEMPT_TRY(store(options.duration, read_duration(value)));
  }
  return {};
}

Result<RunOptions> read_run_spec(const std::string& text) {
  constexpr std::array<std::string_view, 6> kKeys = {"policy",      "mechanism", "model",
                                                     "personality", "seed",      "duration"};
  NameSpec spec;
  GPREEMPT_TRY(store(spec, parse_name_spec("run", text)));
  RunOptions options;
  options.scenario = spec.name;
  if (!spec.bare.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading run '{}': '{}' has no '='; write SCENARIO:key=value,...", text,
                            spec.bare));
  }
  for (const auto& [key, value] : spec.options) {
    if (std::ranges::find(kKeys, key) == kKeys.end()) {
      return fail(Errc::kInvalidArgument, fmt::format("reading run '{}': no option '{}'{}", text,
                                                      key, suggestion(key, kKeys)));
    }
    GPREEMPT_TRY(apply(key, value, options));
  }
  return options;
}

Result<std::string> make_run(const std::string& text, Progress& progress) {
  RunOptions options;
  RunSummary summary;
  GPREEMPT_TRY(store(options, read_run_spec(text)));
  GPREEMPT_TRY(store(summary.setup, set_up(options)));
  GPREEMPT_TRY(
      run_without_engine(summary.setup.system, [&](const OpenTestbed& open) -> Result<void> {
        return store(summary.results, run_policies(summary.setup, open, {.progress = &progress}));
      }));
  progress.finish();
  return report_json(summary);
}

Result<Side> load(const std::string& text, Progress& progress) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  Side side{.name = text, .json = {}};
  if (!fs::is_directory(text, ignored) && !text.ends_with(".json")) {
    GPREEMPT_TRY(store(side.json, make_run(text, progress)));
    return side;
  }
  fs::path file = text;
  if (fs::is_directory(file, ignored)) {
    file /= "summary.json";
  }
  Result<std::string> json = read_text_file(file);
  if (!json) {
    Error error = std::move(json).error();
    error.code = Errc::kInvalidArgument;  // a wrong name on the command line
    return tl::unexpected<Error>(std::move(error));
  }
  side.json = *std::move(json);
  return side;
}

}  // namespace

std::unique_ptr<VerbLine> compare_line() { return std::make_unique<CompareLine>(); }

Result<ExitCode> compare_command(const CompareOptions& options) {
  Progress progress(options.quiet);
  Side left;
  Side right;
  Comparison comparison;
  GPREEMPT_TRY(store(left, load(options.left, progress)));
  GPREEMPT_TRY(store(right, load(options.right, progress)));
  GPREEMPT_TRY(store(comparison, compare(left, right)));
  GPREEMPT_TRY(print(options.format == OutputFormat::kJson ? comparison_json(comparison)
                                                           : comparison_text(comparison)));
  return ExitCode::kOk;
}

}  // namespace gpreempt::cli
