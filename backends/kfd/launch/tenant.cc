#include "backends/kfd/launch/tenant.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/launch/command.h"
#include "backends/kfd/launch/container_client.h"
#include "backends/kfd/launch/gpu_processes.h"
#include "backends/kfd/launch/hint_server.h"
#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/target_selector.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

constexpr std::string_view kHintsPlace = "{hints}";

/// Effective user of a process. Source: proc_pid_status(5).
std::optional<std::uint32_t> user_of(Os& os, const std::string& proc, std::string_view who) {
  const auto status = read_process_status(os, proc, who);
  const std::string ids = status ? value_of(*status, "Uid") : std::string();
  const std::size_t second = ids.find(' ');
  if (second == std::string::npos) {
    return std::nullopt;
  }
  const std::string_view rest = std::string_view(ids).substr(second + 1);
  return whole_number<std::uint32_t>(rest.substr(0, std::min(rest.find(' '), rest.size())));
}

std::vector<std::string> with_hints(std::vector<std::string> argv, const std::string& path) {
  for (std::string& word : argv) {
    for (std::size_t at = word.find(kHintsPlace); at != std::string::npos;
         at = word.find(kHintsPlace, at + path.size())) {
      word.replace(at, kHintsPlace.size(), path);
    }
  }
  return argv;
}

void say(const TenantOptions& options, std::string_view text) {
  if (options.say) {
    options.say(text);
  }
}

}  // namespace

Result<void> Tenant::bring_up(const TenantOptions& options, std::string socket) {
  GPREEMPT_TRY(who_.argv.empty() ? listen_to_existing(options, std::move(socket))
                                 : start(options, std::move(socket)));
  const auto signals = os_.signals();
  GpuProcessWait wait{.wanted = who_.processes,
                      .patience = options.ready_patience,
                      .settle = options.settle,
                      .interrupted = signals.value_or(kNoFd),
                      .ended = command_ ? command_->pidfd() : kNoFd,
                      .is_ready = {},
                      .why_never = [&] { return why_never(options.roots); }};
  if (who_.says_ready) {
    wait.is_ready = [this] { return hints_->is_ready(); };
  }
  auto found = await_gpu_processes(
      os_, options.roots, options.gpus, [&] { return processes(options.roots); }, wait);
  if (!found) {
    Error error = std::move(found).error();
    const auto how = command_ ? command_->how_it_ended() : std::nullopt;
    error.what = fmt::format("bring up tenant '{}': {}{}", name_, error.what,
                             how ? fmt::format(" (`{}`: {})", command_->text(), *how) : "");
    return tl::unexpected<Error>(std::move(error));
  }
  GPREEMPT_TRY(check_gpus(options, *found));
  pids_ = *std::move(found);
  told_.resize(pids_.size());
  for (const Pid pid : pids_) {
    packets_.emplace_back(options.roots.sysfs, options.roots.debugfs, pid);
    if (command_) {
      command_->keep(pid);
    }
    say(options, fmt::format("tenant {}: pid {}", name_, pid));
  }
  hints_->set_processes(pids_);
  hints_->pass_to(options.hints);
  return {};
}

Result<void> Tenant::check_gpus(const TenantOptions& options, const std::vector<Pid>& pids) const {
  if (!command_) {
    return {};
  }
  for (const Pid pid : pids) {
    const auto hidden = gpu_outside(os_, options.roots.sysfs, pid, options.gpus);
    if (hidden) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("bring up tenant '{}': pid {} has queues on GPU {:x}, which "
                              "ROCR_VISIBLE_DEVICES of gpreempt hides; set the variable for "
                              "gpreempt, not in the command",
                              name_, pid, hidden->value()));
    }
  }
  return {};
}

Result<void> Tenant::start(const TenantOptions& options, std::string socket) {
  const auto user = user_of(os_, options.roots.selectors.proc, "self");
  if (!user) {
    return fail(Errc::kIo, "read /proc/self/status: it does not say whose this process is");
  }
  auto hints = HintServer::start(os_, std::move(socket), *user);
  if (!hints) {
    return tl::unexpected<Error>(std::move(hints).error());
  }
  hints_ = *std::move(hints);
  const std::vector<std::string> env = {"GPREEMPT_HINTS=" + hints_->path()};
  auto command = LaunchedCommand::start(os_, with_hints(who_.argv, hints_->path()), env);
  if (!command) {
    return tl::unexpected<Error>(std::move(command).error());
  }
  command_.emplace(*std::move(command));
  say(options,
      fmt::format("tenant {}: started `{}` as pid {}", name_, command_->text(), command_->pid()));
  return {};
}

Result<void> Tenant::listen_to_existing(const TenantOptions& options, std::string socket) {
  std::vector<Pid> all;
  for (const TargetSelector& selector : who_.existing) {
    const auto found = find_targets(os_, selector, options.roots.selectors);
    if (!found) {
      return tl::unexpected<Error>(found.error());
    }
    all.insert(all.end(), found->begin(), found->end());
  }
  if (all.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("bring up tenant '{}': neither a command nor a process is named for it",
                            name_));
  }
  const auto user = user_of(os_, options.roots.selectors.proc, fmt::format("{}", all.front()));
  if (!user) {
    return fail(Errc::kProcessExited,
                fmt::format("bring up tenant '{}': pid {} has gone", name_, all.front()));
  }
  auto hints = HintServer::start(os_, std::move(socket), *user);
  if (!hints) {
    return tl::unexpected<Error>(std::move(hints).error());
  }
  hints_ = *std::move(hints);
  say(options, fmt::format("tenant {}: takes hints on {}", name_, hints_->path()));
  return {};
}

std::vector<Pid> Tenant::processes(const GpuProcessRoots& roots) {
  std::vector<TargetSelector> selectors = who_.existing;
  if (command_) {
    selectors = {{.by = TargetSelector::By::kTree, .pid = command_->pid(), .name = {}}};
  }
  std::vector<Pid> pids;
  for (const TargetSelector& selector : selectors) {
    const auto found = find_targets(os_, selector, roots.selectors).value_or(std::vector<Pid>());
    pids.insert(pids.end(), found.begin(), found.end());
  }
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

std::string Tenant::why_never(const GpuProcessRoots& roots) {
  const std::string client =
      command_ ? container_client(os_, roots.selectors.proc, processes(roots)) : std::string();
  return client.empty()
             ? client
             : fmt::format(
                   "{} is the client of a container runtime, and what runs in the container "
                   "is no child of it; start the container by itself and name it, as "
                   "--online-pid or --offline-pid container:ID (`docker ps` shows the id)",
                   client);
}

std::optional<Pid> Tenant::hand_out() {
  return handed_out_ < pids_.size() ? std::optional(pids_[handed_out_++]) : std::nullopt;
}

std::size_t Tenant::rank_of(Pid pid) const {
  return static_cast<std::size_t>(std::find(pids_.begin(), pids_.end(), pid) - pids_.begin());
}

void Tenant::begin(Instant start) { hints_->begin(start); }

ProgramProgress Tenant::progress(Pid pid) {
  const std::size_t rank = rank_of(pid);
  Told& told = told_.at(rank);
  hints_->update(rank, told);
  ProgramProgress progress = told.progress;
  progress.tells_work = told.works;
  if (!told.works) {
    progress.kernels = packets_.at(rank).look(os_);
  }
  return progress;
}

const std::vector<RequestRecord>& Tenant::requests(Pid pid) {
  const std::size_t rank = rank_of(pid);
  hints_->update(rank, told_.at(rank));
  return told_.at(rank).requests;
}

Result<void> Tenant::end(Duration stop_patience) {
  Result<void> stopped = command_ ? command_->stop(stop_patience) : Result<void>();
  if (hints_) {
    hints_->close();
  }
  return stopped;
}

}  // namespace gpreempt::kfd
