#include "cli/validate_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <ios>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/validate_options.h"
#include "cli/validate_report.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"
#include "core/nearest.h"
#include "validation/target.h"

namespace gpreempt::cli {
namespace {

constexpr std::string_view kValidateFooter =
    R"(
What it does:
  Runs the model against published numbers, rules of the driver and closed forms, and says for each
  what was expected, how far off is still right, what the model gives, and what it knew of it:
    input       the number is one of its parameters
    fitted      parameters were chosen so that it comes out
    predicted   neither
  The verdict is about the model with every parameter at its value. The band, 5 to 95 % of --band
  draws from its priors, says how much they leave open; it makes nothing right.
  Targets that need recorded workloads are skipped unless --data names their folder. A target
  without an expected value is a prediction. A known miss says what the model lacks; it
  counts as no success, and fails nothing. --write FILE writes docs/validation.md.

Examples:
  gpreempt validate
  gpreempt validate --only mg1-fcfs --only v1-mi308x-area
  gpreempt validate --data ../shared/data --write docs/validation.md
  gpreempt validate --format json

Exit codes:
  0  none missed (skipped ones are counted in the last line)
  1  one was missed, or could not be run     2  usage
  3  a file or stdout cannot be written)";

class ValidateLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const validate = app.add_subcommand(
        "validate", "The model against what is published or follows from theory");
    validate->add_option("--only", options_.only, "A target or a group of targets; repeatable")
        ->allow_extra_args(false);
    validate->add_option("--data", data_,
                         "Folder with workloads/reef/profiles (REEF's *.profile.json) and "
                         "workloads/gpreempt (A.json to Z.json); without it, what needs them is "
                         "skipped");
    validate
        ->add_option("--band", options_.draws,
                     "Draws from the priors of a model that each band rests on; 0: no bands")
        ->capture_default_str();
    validate->add_option("--write", file_, "Writes the table as a Markdown document");
    validate->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    validate->add_flag("--quiet", options_.quiet, "No progress on stderr");
    validate->footer(std::string(kValidateFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    options_.write = file_;
    options_.data = data_;
    return Command{std::move(options_)};
  }

 private:
  ValidateOptions options_;
  std::string format_ = "text";
  std::string file_;
  std::string data_;
};

bool is_meant(const validation::Target& target, const std::string& name) {
  return target.name == name || target.group == name;
}

/// Every target if `only` is empty.
Result<std::vector<const validation::Target*>> chosen(const std::vector<validation::Target>& all,
                                                      const std::vector<std::string>& only) {
  std::vector<std::string_view> names;
  for (const validation::Target& target : all) {
    names.push_back(target.group);
    names.push_back(target.name);
  }
  for (const std::string& name : only) {
    if (std::ranges::find(names, name) == names.end()) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("reading --only '{}': no target or group of that name{}", name,
                              suggestion(name, names)));
    }
  }
  std::vector<const validation::Target*> found;
  for (const validation::Target& target : all) {
    const auto meant = [&](const std::string& name) { return is_meant(target, name); };
    if (only.empty() || std::ranges::any_of(only, meant)) {
      found.push_back(&target);
    }
  }
  return found;
}

Result<void> write_document(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out) {
    return fail(Errc::kIo,
                fmt::format("write {}: it cannot be written; name another file", file.string()));
  }
  return {};
}

}  // namespace

std::unique_ptr<VerbLine> validate_line() { return std::make_unique<ValidateLine>(); }

Result<ExitCode> validate_command(const ValidateOptions& options) {
  const std::vector<validation::Target> all = validation::targets(options.data);
  std::vector<const validation::Target*> targets;
  GPREEMPT_TRY(store(targets, chosen(all, options.only)));
  Progress progress(options.quiet);
  std::vector<ValidatedTarget> validated;
  for (const validation::Target* target : targets) {
    progress.phase(target->name);
    Result<validation::Answer> answer = validation::answer(*target, options.draws);
    const validation::Verdict verdict = validation::judge(*target, answer);
    validated.push_back({.target = target, .answer = std::move(answer), .verdict = verdict});
  }
  progress.finish();
  if (!options.write.empty()) {
    GPREEMPT_TRY(write_document(options.write, validation_document(validated)));
  }
  GPREEMPT_TRY(print(options.format == OutputFormat::kJson ? validation_json(validated)
                                                           : validation_text(validated)));
  const bool missed = std::ranges::any_of(validated, [](const ValidatedTarget& each) {
    return each.verdict == validation::Verdict::kFail;
  });
  return missed ? ExitCode::kGateFailed : ExitCode::kOk;
}

}  // namespace gpreempt::cli
