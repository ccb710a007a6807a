#include "cli/watchdog_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/verb_line.h"
#include "cli/watchdog_options.h"
#include "core/error.h"
#include "core/ids.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include "backends/kfd/hold/resume_socket.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "backends/kfd/watchdog.h"
#endif

namespace gpreempt::cli {
namespace {

constexpr std::string_view kWatchdogFooter =
    R"(
What it does:
  Watches a controller that suspends queues. The driver resumes them when the controller dies, but
  not when it is stopped or frozen, so a controller that lets a lease pass is killed: at twice the
  lease, or --patience after it if that is later. So is one that says nothing for --silence and a
  second more while it has a target: it would serve neither its signals nor its runtime. Processes that a dead controller has left waiting
  are freed as `gpreempt rescue` does. It ends with its controller, and not by SIGINT, SIGTERM or
  SIGHUP; run it in a control group that is never frozen.
  A controller starts it itself and tells it, through PATH, before each suspension.

Exit codes:
  0  the controller has ended, or was killed for a lease and is gone      2  usage
  3  no such controller or pipe, or a target could not be freed           4  it does not die)";

class WatchdogLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const watchdog =
        app.add_subcommand("watchdog", "Kills a controller that lets a suspension's lease pass");
    watchdog->add_option("--controller", options_.controller, "Its pid")->required();
    watchdog->add_option("--heartbeat", options_.heartbeat, "The pipe that it writes to")
        ->required();
    watchdog->add_option("--patience", patience_, "The least time after a lease")
        ->capture_default_str();
    watchdog
        ->add_option("--silence", silence_, "How long a controller with a target may say nothing")
        ->capture_default_str();
    watchdog->add_option("--cgroup", options_.cgroup,
                         "A control group's folder to move to, e.g. /sys/fs/cgroup");
    watchdog->add_option("--device", options_.device, "The driver's device")->capture_default_str();
    watchdog->footer(std::string(kWatchdogFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(read_named("--patience", patience_, options_.patience));
    GPREEMPT_TRY(read_named("--silence", silence_, options_.silence));
    if (options_.controller <= 0) {
      return fail(Errc::kInvalidArgument, "reading --controller: a pid is positive");
    }
    return Command{std::move(options_)};
  }

 private:
  static Result<void> read_named(std::string_view name, const std::string& text, Duration& into) {
    auto value = read_duration(text);
    if (!value) {
      value.error().what = fmt::format("reading {}: {}", name, value.error().what);
      return tl::unexpected<Error>(std::move(value).error());
    }
    into = *value;
    return {};
  }

  WatchdogCommandOptions options_;
  std::string patience_ = "500ms";
  std::string silence_ = "3s";
};

#ifdef GPREEMPT_CLI_HAS_KFD

/// Where memory is short the controller goes first, and then its targets are seen to. Refused to
/// whom the system does not let; the death of either leaves nothing suspended all the same.
void keep_from_out_of_memory(kfd::Os& os) {
  const auto file = os.open("/proc/self/oom_score_adj", kfd::OpenMode::kWrite);
  if (file) {
    const std::string_view never = "-1000";
    (void)os.write(*file, std::as_bytes(std::span(never)));
    os.close(*file);
  }
}

/// Out of the group that may be frozen together with the controller.
Result<void> move_to(kfd::Os& os, const std::string& cgroup) {
  const std::string path = cgroup + "/cgroup.procs";
  const auto file = os.open(path, kfd::OpenMode::kWrite);
  const std::string_view myself = "0";
  const auto moved =
      file ? os.write(*file, std::as_bytes(std::span(myself))) : kfd::SysResult<std::size_t>(0U);
  if (file) {
    os.close(*file);
  }
  if (!file || !moved) {
    const int number = file ? moved.error().number : file.error().number;
    return fail(Errc::kIo,
                fmt::format("move the watchdog to {}: {}; name a group that this user may write",
                            path, std::strerror(number)),
                number);
  }
  return {};
}

#endif

}  // namespace

std::unique_ptr<VerbLine> watchdog_line() { return std::make_unique<WatchdogLine>(); }

#ifdef GPREEMPT_CLI_HAS_KFD
Result<ExitCode> watchdog_command(const WatchdogCommandOptions& options) {
  // A terminal's Ctrl-Z stops the controller's process group: not this one with it.
  (void)::setpgid(0, 0);
  kfd::LinuxOs os;
  keep_from_out_of_memory(os);
  if (!options.cgroup.empty()) {
    GPREEMPT_TRY(move_to(os, options.cgroup));
  }
  const auto heartbeat = os.open(options.heartbeat, kfd::OpenMode::kRead);
  if (!heartbeat) {
    return fail(Errc::kIo,
                fmt::format("open heartbeat {}: {}; the controller must live and be of this user",
                            options.heartbeat, std::strerror(heartbeat.error().number)),
                heartbeat.error().number);
  }
  const auto report = kfd::watch_controller(os, *heartbeat,
                                            {.controller = Pid(options.controller),
                                             .patience = options.patience,
                                             .silence = options.silence,
                                             .rescue = {.device = options.device}});
  os.close(*heartbeat);
  GPREEMPT_TRY(report);  // from here on the controller has ended
  kfd::remove_socket_of(os, Pid(options.controller));
  std::string text;
  if (report->killed) {
    text = fmt::format("controller {}: killed, it {}\n", options.controller,
                       report->was_silent ? "said nothing" : "let a lease pass");
  }
  for (const Pid pid : report->rescued) {
    text += fmt::format("pid {}: freed\n", pid);
  }
  for (const Error& error : report->errors) {
    text += fmt::format("not freed: {}\n", error.what);
  }
  GPREEMPT_TRY(print(text));
  return report->errors.empty() ? ExitCode::kOk : ExitCode::kEnvironment;
}
#else
Result<ExitCode> watchdog_command(const WatchdogCommandOptions& /*options*/) {
  return fail(Errc::kUnsupported,
              "watchdog: the KFD backend was left out of this build; configure with "
              "GPREEMPT_WITH_KFD=ON on Linux");
}
#endif

}  // namespace gpreempt::cli
