#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/conformance_options.h"
#include "cli/option_values.h"
#include "cli/run_options.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"

namespace gpreempt::cli {
namespace {

constexpr std::string_view kConformanceFooter =
    R"(
What it does:
  Asks a driver what its interface promises and what it only does: who may debug whom, when, and
  which errno says no. Each case is an operation of one process in the state that those before it
  left; what it should give was recorded from real drivers. docs/conformance.md has the format.
  --backend vkfd asks the model of the driver, as personality=NAME says (upstream-6.12.107 without
  it); kfd asks /dev/kfd of this machine, as root, and expects what its kernel's version should do.
  --sequences N also runs generated ones: pairs of operations from twelve states (5292 of them),
  then triples, drawn by --seed. They have no expectation of their own: --record FILE keeps all
  answers, and --compare FILE says which are not as kept there.

Examples:
  gpreempt conformance
  gpreempt conformance --backend vkfd:personality=upstream-6.12.95 --only two-debuggers
  gpreempt conformance --backend kfd --sequences 5292 --record answers.txt
  gpreempt conformance --sequences 5292 --compare answers.txt

Exit codes:
  0  every answer is as expected, and as recorded     1  one is not
  2  usage, or a case file or record that was refused
  3  no usable /dev/kfd, not root, or a file that cannot be written)";

class ConformanceLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const verb = app.add_subcommand(
        "conformance", "What the driver answers, against what real drivers answered");
    verb->add_option("--backend", backend_, "vkfd:MODEL,personality=NAME, or kfd")
        ->capture_default_str();
    verb->add_option("--only", options_.only, "A scenario; repeatable")->allow_extra_args(false);
    verb->add_option("--cases", cases_, "Folder of case files instead of those built in");
    verb->add_option("--sequences", options_.sequences, "How many generated sequences to run")
        ->capture_default_str();
    verb->add_option("--seed", seed_, "Which sequences are drawn")->capture_default_str();
    verb->add_option("--record", record_, "Writes every answer to a file");
    verb->add_option("--compare", compare_, "A file of answers that must be the same");
    verb->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    verb->add_flag("--quiet", options_.quiet, "No progress on stderr");
    verb->footer(std::string(kConformanceFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    GPREEMPT_TRY(store(options_.seed, read_seed(seed_)));
    GPREEMPT_TRY(store(options_.backend, read_backend(backend_)));
    GPREEMPT_TRY(check_unperturbed(options_.backend, backend_));
    if (options_.backend.kind == BackendKind::kSim) {
      return fail(Errc::kInvalidArgument,
                  "reading --backend 'sim': it has no interface of a driver; use vkfd or kfd");
    }
    if (!cases_.empty()) {
      options_.cases = cases_;
    }
    options_.record = record_;
    options_.compare = compare_;
    return Command{std::move(options_)};
  }

 private:
  ConformanceOptions options_;
  std::string backend_ = "vkfd";
  std::string cases_;
  std::string seed_ = "1";
  std::string record_;
  std::string compare_;
  std::string format_ = "text";
};

}  // namespace

std::unique_ptr<VerbLine> conformance_line() { return std::make_unique<ConformanceLine>(); }

}  // namespace gpreempt::cli
