#include "cli/rescue_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/rescue_options.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"
#include "core/ids.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include "backends/kfd/discovery/stable_process.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/rescue.h"
#include "cli/suspend_run.h"
#endif

namespace gpreempt::cli {
namespace {

constexpr std::string_view kRescueFooter =
    R"(
What it does:
  Frees processes that a controller has left behind. It ends their debug session, on which the
  driver resumes their queues, and answers for the controller if a process waits in the start or
  the end of its ROCm runtime: neither the controller's death nor the session's end does that. A
  process that is well stays so; each of its GPUs is preempted once.
  TARGET is a pid, pid:4711, tree:4711 (a launcher and all that descend from it), command:python3
  (the program's name), cgroup:/offline (the group and those below it), container:3f4a9c (by 6 or
  more digits of its id) or container:3f4a9c/12 (by the pid inside).

Examples:
  gpreempt rescue 4711
  gpreempt rescue cgroup:/offline --format json

Exit codes:
  0  done, or nothing was wrong      2  usage
  3  no such process, no /dev/kfd, or one of them could not be freed)";

class RescueLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const rescue =
        app.add_subcommand("rescue", "Frees processes that a controller left suspended or waiting");
    rescue
        ->add_option("TARGET", options_.targets,
                     "A pid, tree:PID, command:NAME, cgroup:/PATH or container:ID[/PID]")
        ->required();
    rescue->add_option("--device", options_.device, "The driver's device")->capture_default_str();
    rescue->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    rescue->footer(std::string(kRescueFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    return Command{std::move(options_)};
  }

 private:
  RescueCommandOptions options_;
  std::string format_ = "text";
};

#ifdef GPREEMPT_CLI_HAS_KFD

/// What became of one process.
struct Rescuee {
  Pid pid;
  std::string found;  ///< what was wrong with it
  std::string error;  ///< why it is not free; empty: it is
};

std::string describe(const kfd::Rescued& rescued) {
  if (rescued.answered_handshake) {
    return rescued.ended_session ? "suspended and waiting" : "waiting in its runtime";
  }
  return rescued.ended_session ? "held by a debug session" : "well";
}

std::string report_of(const std::vector<Rescuee>& all, OutputFormat format) {
  if (format == OutputFormat::kText) {
    std::string text;
    for (const Rescuee& each : all) {
      text += each.error.empty() ? fmt::format("pid {}: free; it was {}\n", each.pid, each.found)
                                 : fmt::format("pid {}: not freed: {}\n", each.pid, each.error);
    }
    return text;
  }
  nlohmann::ordered_json json;
  json["schema"] = 1;
  json["results"] = nlohmann::ordered_json::array();
  for (const Rescuee& each : all) {
    nlohmann::ordered_json result;
    result["name"] = fmt::format("pid {}", each.pid);
    result["value"] = each.error.empty() ? each.found : each.error;
    result["expected"] = "free";
    result["verdict"] = each.error.empty() ? "free" : "not freed";
    json["results"].push_back(std::move(result));
  }
  return json.dump(2) + "\n";
}

#endif

}  // namespace

std::unique_ptr<VerbLine> rescue_line() { return std::make_unique<RescueLine>(); }

#ifdef GPREEMPT_CLI_HAS_KFD
Result<ExitCode> rescue_command(const RescueCommandOptions& options) {
  kfd::LinuxOs os;
  const auto processes = hold_all(os, options.targets);
  if (!processes) {
    return tl::unexpected<Error>(processes.error());
  }
  std::vector<Rescuee> all;
  ExitCode code = ExitCode::kOk;
  for (const kfd::StableProcess& process : *processes) {
    const Pid pid = process.pid();
    const auto rescued = kfd::rescue(os, pid, {.device = options.device});
    all.push_back({.pid = pid,
                   .found = rescued ? describe(*rescued) : std::string(),
                   .error = rescued ? std::string() : rescued.error().what});
    code = rescued ? code : ExitCode::kEnvironment;
  }
  GPREEMPT_TRY(print(report_of(all, options.format)));
  return code;
}
#else
Result<ExitCode> rescue_command(const RescueCommandOptions& /*options*/) {
  return fail(Errc::kUnsupported,
              "rescue: the KFD backend was left out of this build; configure with "
              "GPREEMPT_WITH_KFD=ON on Linux");
}
#endif

}  // namespace gpreempt::cli
