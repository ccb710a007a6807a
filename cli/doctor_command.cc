#include "cli/doctor_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.h"
#include "cli/doctor_options.h"
#include "cli/exit_code.h"
#include "cli/option_values.h"
#include "cli/output.h"
#include "cli/verb_line.h"
#include "config/document.h"
#include "core/error.h"
#include "core/ids.h"
#ifdef GPREEMPT_CLI_HAS_KFD
#include "backends/kfd/doctor/doctor.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/rooted_os.h"
#include "cli/doctor_report.h"
#include "cli/sysroot.h"
#endif

namespace gpreempt::cli {
namespace {

constexpr std::string_view kDoctorFooter =
    R"(
What it does:
  Looks at everything that preempting a process needs or that makes its results doubtful: the device
  and who may open it, the driver and its parameters, each GPU, what this process may do, the
  container around it, and, with --pid, the process that is to be preempted. docs/doctor.md lists
  every check. It changes nothing and attaches to nobody. Run it as the controller will be run: same
  user, same container.
  With --sysroot it reads the files of another machine below DIR (DIR/proc, DIR/sys, ...). What only
  that machine can tell is unknown then.

Output, the worst first. Two of 26 on a machine without a GPU:
  blocked  kfd-device          /dev/kfd      open /dev/kfd: there is no such file: amdkfd is not loaded, or a
                                             container was started without --device /dev/kfd
                                             fix: load the driver with `sudo modprobe amdgpu`; start a container
                                             with `--device /dev/kfd --device /dev/dri`
  ok       seccomp             this process  /proc/self/status: Seccomp is 0: no system call is filtered

Examples:
  gpreempt doctor
  sudo gpreempt doctor --pid 4711
  gpreempt doctor --sysroot saved/host7 --format json

Exit codes:
  0  nothing is blocked; warnings may be     2  usage, or --sysroot is no folder
  3  something is blocked: preempting cannot work, or must not be tried)";

class DoctorLine final : public VerbLine {
 public:
  void add(CLI::App& app) override {
    CLI::App* const doctor =
        app.add_subcommand("doctor", "What keeps this machine from preempting, and what to do");
    doctor->add_option("--pid", options_.pid, "The process that is to be preempted");
    doctor->add_option("--sysroot", options_.sysroot, "Read another machine's files below DIR")
        ->type_name("DIR");
    doctor->add_option("--format", format_, "text or json, on stdout")->capture_default_str();
    doctor->footer(std::string(kDoctorFooter));
  }
  [[nodiscard]] Result<Command> read(const std::vector<std::string>& /*arguments*/) override {
    GPREEMPT_TRY(store(options_.format, read_format(format_)));
    if (options_.pid && *options_.pid <= 0) {
      return fail(Errc::kInvalidArgument, "reading --pid: a pid is positive");
    }
    return Command{std::move(options_)};
  }

 private:
  DoctorCommandOptions options_;
  std::string format_ = "text";
};

}  // namespace

std::unique_ptr<VerbLine> doctor_line() { return std::make_unique<DoctorLine>(); }

#ifdef GPREEMPT_CLI_HAS_KFD
Result<ExitCode> doctor_command(const DoctorCommandOptions& options) {
  kfd::LinuxOs os;
  GPREEMPT_TRY(check_sysroot(os, options.sysroot));
  kfd::RootedOs rooted(os, options.sysroot);
  const auto findings = kfd::doctor::examine(
      rooted, {.pid = options.pid ? std::optional(Pid(*options.pid)) : std::nullopt,
               .saved_tree = !options.sysroot.empty()});
  GPREEMPT_TRY(
      print(options.format == OutputFormat::kJson ? doctor_json(findings) : doctor_text(findings)));
  return kfd::doctor::overall(findings) == kfd::doctor::Verdict::kBlocked ? ExitCode::kEnvironment
                                                                          : ExitCode::kOk;
}
#else
Result<ExitCode> doctor_command(const DoctorCommandOptions& /*options*/) {
  return fail(Errc::kUnsupported,
              "doctor: the KFD backend was left out of this build; configure with "
              "GPREEMPT_WITH_KFD=ON on Linux");
}
#endif

}  // namespace gpreempt::cli
