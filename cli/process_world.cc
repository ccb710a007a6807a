#include "cli/process_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "backends/kfd/launch/process_testbed.h"
#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/safety_plan.h"
#include "backends/kfd/safety/supervised.h"
#include "backends/kfd/target_selector.h"
#include "cli/hip_programs.h"
#include "cli/process_binding.h"
#include "cli/process_options.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/summary.h"
#include "cli/supervision.h"
#include "cli/suspend_plan.h"
#include "cli/suspend_run.h"
#include "cli/worlds.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/testbed.h"
#include "workloads/compile.h"

namespace gpreempt::cli {
namespace {

/// The tenants that no command and no process is named for.
std::vector<const TenantMeta*> unnamed(const Workload& workload, const Commands& named) {
  std::vector<const TenantMeta*> rest;
  for (const TenantMeta& tenant : workload.tenants) {
    if (!named.contains(tenant.name)) {
      rest.push_back(&tenant);
    }
  }
  return rest;
}

/// Where the HIP programs find what they are to do, and leave what they did.
class ProgramFolder {
 public:
  /// A bundle's folder, or one for as long as this lives.
  ProgramFolder(kfd::Os& os, const std::filesystem::path& bundle)
      : path_(bundle.empty()
                  ? std::filesystem::path("/tmp") /
                        fmt::format("gpreempt-{}.run", os.read_link("/proc/self").value_or("0"))
                  : bundle),
        is_own_(bundle.empty()) {}
  ProgramFolder(const ProgramFolder&) = delete;
  ProgramFolder& operator=(const ProgramFolder&) = delete;
  ~ProgramFolder() {
    std::error_code ignored;
    if (is_own_) {
      std::filesystem::remove_all(path_, ignored);
    }
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  [[nodiscard]] Result<void> fill(const ProcessOptions& options, const Workload& workload) const {
    Commands named;
    GPREEMPT_TRY(store(named, bind_processes(options, workload)));
    std::error_code error;
    std::filesystem::create_directories(path_, error);
    for (const TenantMeta* const tenant : unnamed(workload, named)) {
      GPREEMPT_TRY(write_programs(workload, *tenant, path_));
    }
    return {};
  }

 private:
  std::filesystem::path path_;
  bool is_own_;
};

/// Everybody, those included that nobody was named for.
Result<Commands> commands_of(kfd::Os& os, const RunOptions& options, const RunSetup& setup,
                             const ProgramFolder& folder) {
  Commands commands;
  GPREEMPT_TRY(store(commands, bind_processes(options.processes, setup.workload)));
  for (const TenantMeta* const tenant : unnamed(setup.workload, commands)) {
    GPREEMPT_TRY(store(commands[tenant->name], hip_command(os, *tenant, folder.path())));
  }
  return commands;
}

bool is_online(const Workload& workload, const std::string& tenant) {
  const auto found = std::ranges::find(workload.tenants, tenant, &TenantMeta::name);
  return found != workload.tenants.end() && found->cls == TenantClass::kOnline;
}

Result<kfd::SafetyRequest> request_of(kfd::Os& os, const ProcessOptions& options,
                                      const Workload& workload, const Commands& commands) {
  kfd::SafetyRequest request;
  request.verb = "run";
  request.allow_bystanders = options.allow_bystanders;
  request.exclusive_hive = options.exclusive_hive;
  request.trouble = trouble_of(options.safety);
  request.launches = starts_commands(commands);
  for (const auto& [tenant, who] : commands) {
    for (const kfd::TargetSelector& selector : who.existing) {
      const auto pids = kfd::find_targets(os, selector);
      if (!pids) {
        return tl::unexpected<Error>(pids.error());
      }
      std::vector<Pid>& into = is_online(workload, tenant) ? request.named : request.targets;
      into.insert(into.end(), pids->begin(), pids->end());
    }
  }
  if (!options.bystanders.empty()) {
    std::vector<Pid> more;
    GPREEMPT_TRY(store(more, find_all(os, options.bystanders)));
    request.named.insert(request.named.end(), more.begin(), more.end());
  }
  return request;
}

std::string text_of(const kfd::TenantCommand& who) {
  if (who.argv.empty()) {
    return who.existing.size() == 1 ? "a process that runs"
                                    : fmt::format("{} processes that run", who.existing.size());
  }
  const bool is_shell = who.argv.size() == 3 && who.argv[1] == "-c";
  std::string text;
  for (const std::string& word : who.argv) {
    text += (text.empty() ? "" : " ") + word;
  }
  return fmt::format("starts `{}`", is_shell ? who.argv[2] : text);
}

std::string plan_of(const Commands& commands, const Workload& workload) {
  std::string text = "processes\n";
  for (const TenantMeta& tenant : workload.tenants) {
    const kfd::TenantCommand& who = commands.at(tenant.name);
    text += fmt::format("  {} {}: {}, {} process{}, {}\n",
                        tenant.cls == TenantClass::kOnline ? "Online" : "Offline", tenant.name,
                        text_of(who), who.processes, who.processes == 1 ? "" : "es",
                        tenant.cls == TenantClass::kOnline ? "observed" : "controlled");
  }
  return text;
}

/// A machine that does not do its part is no defect of this program.
Error as_environment(Error error) {
  error.code = error.code == Errc::kTimedOut ? Errc::kBusy : error.code;
  return error;
}

/// Opens testbeds for one command.
class ProcessWorld {
 public:
  ProcessWorld(kfd::Os& os, const RunOptions& options, Commands commands, MeasuredOn& measured)
      : os_(os), options_(options), commands_(std::move(commands)), measured_(measured) {}

  Result<std::unique_ptr<Testbed>> open() {
    const ProcessOptions& wanted = options_.processes;
    kfd::ProcessTestbedOptions options;
    options.open = [this] { return open_controller(); };
    options.command_of = [this](const Program& program) -> Result<kfd::TenantCommand> {
      return commands_.at(program.name);
    };
    options.roots.device = wanted.device;
    options.ready_patience = wanted.ready_timeout;
    options.settle = wanted.settle;
    options.stop_patience = wanted.stop_timeout;
    options.say = [](std::string_view line) { say(line); };
    return kfd::open_process_testbed(os_, std::move(options));
  }

 private:
  Result<kfd::OpenedBackend> open_controller() {
    auto opened = kfd::open_supervised(os_, controller_options(os_, options_.processes, commands_));
    if (!opened) {
      return tl::unexpected<Error>(std::move(opened).error());
    }
    measured_.warnings = opened->warnings;
    measured_.driver = opened->backend->info().driver;
    measured_.gpus = opened->backend->info().gpus.size();
    return opened_by_testbed(*std::move(opened));
  }

  kfd::Os& os_;
  const RunOptions& options_;
  Commands commands_;
  MeasuredOn& measured_;
};

}  // namespace

bool starts_commands(const Commands& commands) {
  return std::ranges::any_of(commands, [](const auto& each) { return !each.second.argv.empty(); });
}

kfd::SupervisionOptions controller_options(kfd::Os& os, const ProcessOptions& options,
                                           const Commands& commands) {
  kfd::SupervisionOptions supervision = supervision_of(os, options.safety, options.device);
  supervision.guard.slow = options.slow;
  supervision.backend.for_programs = starts_commands(commands);
  return supervision;
}

Result<std::string> process_plan(const RunOptions& options, const RunSetup& setup) {
  kfd::LinuxOs os;
  const ProgramFolder folder(os, options.out);
  Commands commands;
  GPREEMPT_TRY(store(commands, commands_of(os, options, setup, folder)));
  kfd::SafetyRequest request;
  GPREEMPT_TRY(store(request, request_of(os, options.processes, setup.workload, commands)));
  const auto plan = kfd::plan_safety(os, request);
  if (!plan) {
    return tl::unexpected<Error>(plan.error());
  }
  return plan_of(commands, setup.workload) + kfd::plan_text(*plan, request);
}

Result<void> run_on_processes(const RunOptions& options, const RunSetup& setup,
                              const std::function<Result<void>(const OpenTestbed&)>& body,
                              MeasuredOn& measured) {
  kfd::LinuxOs os;
  const ProgramFolder folder(os, options.out);
  Commands commands;
  GPREEMPT_TRY(store(commands, commands_of(os, options, setup, folder)));
  kfd::SafetyRequest request;
  GPREEMPT_TRY(store(request, request_of(os, options.processes, setup.workload, commands)));
  const auto plan = kfd::plan_safety(os, request);
  GPREEMPT_TRY(plan);
  GPREEMPT_TRY(kfd::check_safety(*plan, request));
  GPREEMPT_TRY(folder.fill(options.processes, setup.workload));
  say(plan_of(commands, setup.workload) + kfd::plan_text(*plan, request));
  ProcessWorld world(os, options, std::move(commands), measured);
  Result<void> done = body([&]() -> Result<std::unique_ptr<Testbed>> {
    auto testbed = world.open();
    if (testbed && measured.gpus < setup.system.gpus) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("run scenario '{}': it wants {} GPUs, and this machine has {}; lower "
                              "[hardware] gpus",
                              setup.scenario.name, setup.system.gpus, measured.gpus));
    }
    return testbed;
  });
  return done ? std::move(done) : tl::unexpected<Error>(as_environment(std::move(done).error()));
}

}  // namespace gpreempt::cli
