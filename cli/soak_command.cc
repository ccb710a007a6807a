#include "cli/soak_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/soak_options.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"
#ifdef GPREEMPT_CLI_HAS_VKFD
#include "cli/progress.h"
#include "cli/run_help.h"
#include "cli/soak_report.h"
#include "cli/wall_clock.h"
#include "core/fault.h"
#include "soak/campaign.h"
#include "soak/plan.h"
#include "soak/run.h"
#endif

namespace gpreempt::cli {
namespace {

constexpr std::string_view kSoakFooter =
    R"(
What it does:
  Runs random workloads under random policies on random drivers while things go wrong: calls are
  interrupted, refused or take 9 s, outcomes fail, events come late, firmware hangs, processes exit
  and execute, queues come and go, files of debugfs are missing or malformed, clocks step, the
  controller is frozen or killed. Two thirds run the KFD client on the virtual driver, the others the
  simulator's backend. Each run is judged:
    once the faults have stopped, services finish their requests and training jobs go on;
    in the end no queue is suspended;
    no queue was suspended, and nobody waited to destroy one, beyond the lease and what faults explain;
    every request's outcomes are complete; nothing crashes, deadlocks or breaks a check.
  A run follows from its seed alone. The first that fails is made as small as it still fails. A kind
  of fault that never struck is a failure, too, unless --seeds is below 100.
  docs/soak.md has every fault and rule.

Examples:
  gpreempt soak                               200 seeds, about 15000 suspends
  gpreempt soak --suspends 100000             as long as it takes
  gpreempt soak --replay 4711                 one seed, told in detail

Exit codes:
  0  all is well      1  a run broke a rule, or a fault never struck      2  usage
  3  no process can be made)";

class SoakLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const soak =
        app.add_subcommand("soak", "Random runs in which things go wrong, judged by rules");
    soak->add_option("--seeds", options_.seeds, "How many runs")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{10'000'000}))
        ->capture_default_str();
    soak->add_option("--first-seed", options_.first_seed, "The first run's seed")
        ->capture_default_str();
    soak->add_option("--suspends", options_.suspends, "Go on until so many suspends are done");
    soak->add_option("--replay", options_.replay, "Only this seed, told in detail");
    soak->add_flag("!--no-shrink", options_.shrink, "Leave a failing run as it is");
    soak->add_option("-j,--jobs", options_.jobs, "Processes at a time; default: one a processor")
        ->check(CLI::Range(1, 1024));
    soak->add_flag("--quiet", options_.quiet, "No progress on stderr");
    soak->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    soak->footer(std::string(kSoakFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    return Command{options_};
  }

 private:
  SoakOptions options_;
  std::string format_ = "text";
};

#ifdef GPREEMPT_CLI_HAS_VKFD

constexpr std::uint64_t kEnoughSeeds = 100;  ///< for every kind of fault to strike

std::uint32_t jobs_of(const SoakOptions& options) {
  return options.jobs > 0
             ? options.jobs
             : static_cast<std::uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

/// Adds one campaign to another, of seeds before it.
void add(soak::CampaignResult& to, soak::CampaignResult&& more) {
  to.seeds += more.seeds;
  to.suspends += more.suspends;
  to.resumes += more.resumes;
  for (std::size_t i = 0; i < kFaultKinds; ++i) {
    to.struck.at(i) += more.struck.at(i);
  }
  std::ranges::move(more.failures, std::back_inserter(to.failures));
}

/// Campaigns one after another, until the seeds and the suspends are enough.
Result<soak::CampaignResult> run_all(const SoakOptions& options, Progress& progress) {
  soak::CampaignResult all;
  const auto is_enough = [&] {
    return options.suspends > 0 ? all.suspends >= options.suspends : all.seeds >= options.seeds;
  };
  while (!is_enough()) {
    constexpr std::uint64_t kRound = 200;
    const std::uint64_t left = options.suspends > 0 ? kRound : options.seeds - all.seeds;
    const auto told = [&](std::uint64_t done, std::uint64_t suspends, std::uint64_t /*failures*/) {
      const double share =
          options.suspends > 0
              ? static_cast<double>(all.suspends + suspends) / static_cast<double>(options.suspends)
              : static_cast<double>(all.seeds + done) / static_cast<double>(options.seeds);
      progress.update(std::min(share, 1.0));
    };
    auto campaign = soak::run_campaign({.first_seed = options.first_seed + all.seeds,
                                        .seeds = std::min(kRound, left),
                                        .jobs = jobs_of(options),
                                        .patience = options.patience,
                                        .progress = told});
    GPREEMPT_TRY(campaign);
    add(all, *std::move(campaign));
  }
  return all;
}

std::string smallest_of(std::uint64_t seed, const SoakOptions& options) {
  const auto fails = [&](const soak::SoakPlan& plan) {
    const auto result = soak::run_apart(plan, options.patience);
    return result && !result->violations.empty();
  };
  return describe(soak::shrink(soak::draw_plan(seed), fails));
}

Result<ExitCode> replay(std::uint64_t seed, const SoakOptions& options) {
  const soak::SoakPlan plan = soak::draw_plan(seed);
  const auto result = soak::run_apart(plan, options.patience);
  GPREEMPT_TRY(result);
  std::string text = describe(plan);
  for (const FaultKind kind : fault_kinds()) {
    if (const auto struck = result->struck.at(static_cast<std::size_t>(kind)); struck > 0) {
      text += fmt::format("  {} struck {} times\n", to_string(kind), struck);
    }
  }
  for (const std::string& violation : result->violations) {
    text += fmt::format("violation: {}\n", violation);
  }
  if (!result->violations.empty() && options.shrink) {
    text += "as small as it still fails:\n" + smallest_of(seed, options);
  }
  text += fmt::format("{} suspends, {} resumes, {} violations; {}\n", result->suspends,
                      result->resumes, result->violations.size(), kBuiltFrom);
  GPREEMPT_TRY(print(text));
  return result->violations.empty() ? ExitCode::kOk : ExitCode::kGateFailed;
}

#endif

}  // namespace

std::unique_ptr<VerbLine> soak_line() { return std::make_unique<SoakLine>(); }

#ifdef GPREEMPT_CLI_HAS_VKFD
Result<ExitCode> soak_command(const SoakOptions& options) {
  if (options.replay) {
    return replay(*options.replay, options);
  }
  Progress progress(options.quiet);
  const Stopwatch watch;
  progress.phase("soak");
  auto campaign = run_all(options, progress);
  GPREEMPT_TRY(campaign);
  SoakReport report{.campaign = *std::move(campaign), .never_struck = {}, .smallest = {}};
  if (report.campaign.seeds >= kEnoughSeeds) {
    for (const FaultKind kind : fault_kinds()) {
      if (report.campaign.struck.at(static_cast<std::size_t>(kind)) == 0) {
        report.never_struck.emplace_back(to_string(kind));
      }
    }
  }
  if (!report.campaign.failures.empty() && options.shrink) {
    progress.phase("make the first failure small");
    report.smallest = smallest_of(report.campaign.failures.front().seed, options);
  }
  progress.finish();
  report.wall_s = watch.seconds();
  GPREEMPT_TRY(
      print(options.format == OutputFormat::kJson ? soak_json(report) : soak_text(report)));
  return report.campaign.failures.empty() && report.never_struck.empty() ? ExitCode::kOk
                                                                         : ExitCode::kGateFailed;
}
#else
Result<ExitCode> soak_command(const SoakOptions& /*options*/) {
  return fail(Errc::kUnsupported,
              "soak: the virtual driver was left out of this build; configure with "
              "GPREEMPT_WITH_SIM=ON and GPREEMPT_WITH_KFD=ON on Linux");
}
#endif

}  // namespace gpreempt::cli
