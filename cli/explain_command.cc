#include "cli/explain_command.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/explain.h"
#include "cli/explain_options.h"
#include "cli/explain_report.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/saved_bundle.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"

namespace gpreempt::cli {
namespace {

constexpr std::string_view kExplainFooter =
    R"(
What it tells, of one request of an Online tenant:
  detected   when the scheduler learnt of it, and how
  verdict    whether Offline was taken off the GPU for it
  wants      each time the policy was asked while the request was there: what it wanted of Offline,
             why, what it compared (docs/policies.md), and so why not the other. The policy is asked
             again for this: the recorded events are given to it once more ('gpreempt replay')
  off, back  the decisions, what their calls were predicted to take (as the last one) and took
  bystander  how long the request's own queues were off for these calls
  parts      where its time went; they sum to its latency:
             detect, decide      until the scheduler was told; until it took Offline off
             issue .. restore    what the driver was doing for any call (docs/glossary.md)
             first-wave          what else passed until its first wave: other work was before it
             run                 what no other part explains

Examples:
  gpreempt run --policy suspend,deadline --out out/
  gpreempt explain out/ --policy deadline --request 17
  gpreempt explain out/ --policy suspend --request 17 --format json

Exit codes:
  0  done        2  usage, or a bundle that was refused      3  stdout cannot be written)";

class ExplainLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const explain =
        app.add_subcommand("explain", "Why a request was (not) preempted for, and what it cost");
    explain->add_option("BUNDLE", bundle_, "A folder that 'run --out' made")->required();
    explain->add_option("--request", options_.request, "Its number in requests.csv, from 0")
        ->required()
        ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()));
    explain->add_option("--tenant", options_.tenant,
                        "Its Online tenant; needed if there are several");
    explain->add_option("--policy", options_.policy,
                        "Policy of the recorded run; needed if there are several");
    explain->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    explain->footer(std::string(kExplainFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    options_.bundle = bundle_;
    return Command{std::move(options_)};
  }

 private:
  ExplainOptions options_;
  std::string bundle_;
  std::string format_ = "text";
};

}  // namespace

std::unique_ptr<VerbLine> explain_line() { return std::make_unique<ExplainLine>(); }

Result<ExitCode> explain_command(const ExplainOptions& options) {
  SavedBundle bundle;
  Explanation explanation;
  GPREEMPT_TRY(store(bundle, read_bundle(options.bundle)));
  GPREEMPT_TRY(store(explanation, explain(bundle, {.policy = options.policy,
                                                   .tenant = options.tenant,
                                                   .request = options.request})));
  GPREEMPT_TRY(print(options.format == OutputFormat::kJson ? explain_json(explanation)
                                                           : explain_text(explanation)));
  return ExitCode::kOk;
}

}  // namespace gpreempt::cli
