#include "cli/suspend_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/safety_line.h"
#include "cli/suspend_options.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"
#include "core/time.h"
#include "core/units.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include "backends/kfd/discovery/stable_process.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/rooted_os.h"
#include "cli/suspend_plan.h"
#include "cli/suspend_report.h"
#include "cli/suspend_run.h"
#include "cli/sysroot.h"
#endif

namespace gpreempt::cli {
namespace {

constexpr std::string_view kSuspendFooter =
    R"(
What it does:
  Prints whom it would disturb, then takes the compute queues of TARGET off the GPU, saving their
  waves, and keeps them off for --for, also those made meanwhile. SDMA queues stay on. Ctrl-C and
  `gpreempt resume TARGET` end it earlier. Everything runs again when it ends, also when it is
  killed; a watchdog that it starts kills it when it is frozen and its time is long over. While a
  queue is off its process hangs if it destroys the queue.
  Every suspend and resume preempts all queues on the GPU, other processes' too; so it refuses if
  somebody is disturbed who was not named as TARGET or --bystander. A queue with an error, a suspend
  longer than --slow, trouble in the kernel's log, an error count that rises, or a watchdog that
  does not listen ends it at once (docs/safety.md).
  TARGET is a pid, pid:4711, tree:4711 (and its descendants), command:python3, cgroup:/offline or
  container:ID.

Output: the plan on stdout (with --format json: on stderr), each step on stderr, what became of each
queue on stdout.

Examples:
  sudo gpreempt suspend 4711 --dry-run
  sudo gpreempt suspend 4711 --for 30s --bystander command:vllm
  sudo gpreempt suspend 4711 --queue 1 --queue 2 --allow-bystanders
  gpreempt suspend 4711 --sysroot saved/host7          # a plan for a saved tree

Exit codes:
  0  the time was over, or somebody ended it      2  usage, or an unnamed process is disturbed
  3  no such process or queue, not permitted, or the hardware failed)";

constexpr std::string_view kResumeFooter =
    R"(
What it does:
  Asks the `gpreempt suspend` that holds TARGET to resume its queues, or those of --queue; when
  nothing of a target is left suspended the other command ends. Only the process that suspended
  queues can resume them: what a controller left behind that is gone, `gpreempt rescue` frees.
  With --dry-run, or --sysroot, it says who holds TARGET and asks nobody.

Examples:
  gpreempt resume 4711
  gpreempt resume 4711 --queue 2

Exit codes:
  0  resumed, or nobody holds it      2  usage, or a queue that is not suspended
  3  no such process, who holds it is no gpreempt, or does not answer)";

class SuspendLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const suspend =
        app.add_subcommand("suspend", "Keeps a process's queues off the GPU for a while");
    suspend->add_option("TARGET", options_.targets, "Whose queues; see below")->required();
    suspend->add_option("--queue", options_.queues, "The driver's id of a queue; default: all");
    suspend->add_option("--for", limit_, "How long")->capture_default_str();
    suspend->add_option("--grace", grace_, "How long waves may drain first; default: the driver's");
    suspend->add_option("--slow", slow_, "A suspend that takes longer ends it")
        ->capture_default_str();
    suspend->add_option("--bystander", options_.bystanders,
                        "Somebody who may be disturbed, written as TARGET");
    suspend->add_flag("--allow-bystanders", options_.allow_bystanders, "Disturb anybody");
    suspend->add_flag("--exclusive-hive", options_.exclusive_hive,
                      "Refuse if anybody else has queues on these GPUs or their hive");
    suspend->add_flag("--dry-run", options_.dry_run, "Print the plan and do nothing");
    safety_.add(*suspend);
    suspend->add_option("--flight-record", options_.flight_record,
                        "Where to write the driver's calls; default: a file in this folder, and "
                        "only if something is wrong");
    suspend->add_option("--device", options_.device, "The driver's device")->capture_default_str();
    suspend->add_option("--sysroot", options_.sysroot, "Plan for another machine's files below DIR")
        ->type_name("DIR");
    suspend->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    suspend->footer(std::string(kSuspendFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    GPREEMPT_TRY(read_named("--for", limit_, options_.limit));
    GPREEMPT_TRY(read_named("--slow", slow_, options_.slow));
    GPREEMPT_TRY(store(options_.safety, safety_.read()));
    if (!grace_.empty()) {
      GPREEMPT_TRY(read_named("--grace", grace_, options_.grace.emplace()));
    }
    return Command{std::move(options_)};
  }

 private:
  static Result<void> read_named(std::string_view name, const std::string& text, Duration& into) {
    const auto value = parse_duration(text);
    if (!value) {
      return fail(Errc::kInvalidArgument, fmt::format("reading {}: {}", name, value.error().what));
    }
    if (*value <= Duration{}) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("reading {}: {} is no time; write 30s or 500ms", name, text));
    }
    into = *value;
    return {};
  }

  SuspendCommandOptions options_;
  SafetyLine safety_;
  std::string format_ = "text";
  std::string limit_ = "10s";
  std::string slow_ = "100ms";
  std::string grace_;
};

class ResumeLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const resume =
        app.add_subcommand("resume", "Asks a running `gpreempt suspend` to give queues back");
    resume->add_option("TARGET", options_.targets, "Whose queues, as in suspend")->required();
    resume->add_option("--queue", options_.queues, "The driver's id of a queue; default: all");
    resume->add_flag("--dry-run", options_.dry_run, "Say who holds it and do nothing");
    resume->add_option("--sysroot", options_.sysroot, "Look at another machine's files below DIR")
        ->type_name("DIR");
    resume->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    resume->footer(std::string(kResumeFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    return Command{std::move(options_)};
  }

 private:
  ResumeCommandOptions options_;
  std::string format_ = "text";
};

}  // namespace

std::unique_ptr<VerbLine> suspend_line() { return std::make_unique<SuspendLine>(); }
std::unique_ptr<VerbLine> resume_line() { return std::make_unique<ResumeLine>(); }

#ifdef GPREEMPT_CLI_HAS_KFD
Result<ExitCode> suspend_command(const SuspendCommandOptions& options) {
  kfd::LinuxOs os;
  GPREEMPT_TRY(check_sysroot(os, options.sysroot));
  kfd::RootedOs rooted(os, options.sysroot);
  const bool is_plan_only = options.dry_run || !options.sysroot.empty();
  // Before anything is read of them, so that it is these whom the plan is about.
  const auto held =
      is_plan_only ? Result<std::vector<kfd::StableProcess>>() : hold_all(os, options.targets);
  if (!held) {
    return tl::unexpected<Error>(held.error());
  }
  const auto plan = make_plan(rooted, options);
  GPREEMPT_TRY(plan);
  const bool is_json = options.format == OutputFormat::kJson;
  if (options.dry_run || !options.sysroot.empty()) {
    GPREEMPT_TRY(
        print(is_json ? suspend_json(*plan, options, nullptr) : plan_text(*plan, options)));
    return ExitCode::kOk;
  }
  GPREEMPT_TRY(check_bystanders(*plan, options));
  if (is_json) {
    say(plan_text(*plan, options));
  } else {
    GPREEMPT_TRY(print(plan_text(*plan, options)));
  }
  const auto report = run_suspend(os, *plan, options, *held);
  GPREEMPT_TRY(report);
  GPREEMPT_TRY(print(is_json ? suspend_json(*plan, options, &*report) : hold_text(*report)));
  return report->end == kfd::HoldReport::End::kAnomaly ? ExitCode::kEnvironment : ExitCode::kOk;
}

Result<ExitCode> resume_command(const ResumeCommandOptions& options) {
  kfd::LinuxOs os;
  GPREEMPT_TRY(check_sysroot(os, options.sysroot));
  kfd::RootedOs rooted(os, options.sysroot);
  const auto pids = find_all(rooted, options.targets);
  GPREEMPT_TRY(pids);
  ExitCode code = ExitCode::kOk;
  const auto results = run_resume(rooted, *pids, options, code);
  GPREEMPT_TRY(
      print(options.format == OutputFormat::kJson ? resume_json(results) : resume_text(results)));
  return code;
}
#else
namespace {
tl::unexpected<Error> left_out(std::string_view verb) {
  return fail(Errc::kUnsupported,
              fmt::format("{}: the KFD backend was left out of this build; configure with "
                          "GPREEMPT_WITH_KFD=ON on Linux",
                          verb));
}
}  // namespace
Result<ExitCode> suspend_command(const SuspendCommandOptions& /*options*/) {
  return left_out("suspend");
}
Result<ExitCode> resume_command(const ResumeCommandOptions& /*options*/) {
  return left_out("resume");
}
#endif

}  // namespace gpreempt::cli
