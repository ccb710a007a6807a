#include "backends/vkfd/process_table.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/whole_number.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "backends/vkfd/process_state.h"
#include "core/ids.h"
#include "core/time.h"

/// Processes from outside: who may ask for them, and what a signal, a poll or a death does.
namespace gpreempt::vkfd {

using kfd::ChildStatus;
using kfd::MemoryRange;
using kfd::sys_fail;
using kfd::SysResult;

namespace {

/// Above the pids that the simulated system gives, below Linux's largest.
constexpr std::int32_t kFirstPid = 1'000'000;
/// Of a process's name that Linux keeps.
constexpr std::size_t kNameBytes = 15;

}  // namespace

std::optional<BuiltIn> find_built_in(std::span<const std::string> argv) {
  if (argv.empty()) {
    return std::nullopt;
  }
  const std::string name = argv.front().substr(argv.front().rfind('/') + 1);
  const std::string argument = argv.size() > 1 ? argv[1] : std::string();
  if (name == "true" || name == "false") {
    return BuiltIn{.name = name, .code = name == "true" ? 0 : 1};
  }
  if (name == "sleep" && argument == "infinity") {
    return BuiltIn{.name = name, .runs = Duration::max()};
  }
  // Without a sign.
  const auto number = kfd::whole_number<unsigned>(argument);
  if (name == "exit" && number) {
    return BuiltIn{.name = name, .code = static_cast<int>(*number)};
  }
  if (name == "sleep" && number) {
    return BuiltIn{.name = name, .runs = std::chrono::seconds(*number)};
  }
  return std::nullopt;
}

ProcessTable::ProcessTable(sim::System& system)
    : system_(system), timeline_(system.timeline()), next_pid_(kFirstPid) {
  system_.on_exit([this](Pid pid) { system_exited(pid); });
  system_.on_exec([this](Pid pid) { system_executed(pid); });
}

ProcessTable::~ProcessTable() {
  system_.on_exit(nullptr);
  system_.on_exec(nullptr);
  for (const auto& [pid, process] : processes_) {
    timeline_.cancel(process->next_step);
    timeline_.cancel(process->alarm);
  }
}

ProcessTable::Process* ProcessTable::find(Pid pid) {
  if (const auto found = processes_.find(pid); found != processes_.end()) {
    return found->second->reaped ? nullptr : found->second.get();
  }
  if (!system_.kfd().alive(pid)) {
    return nullptr;
  }
  auto& process = processes_[pid];
  process = std::make_unique<Process>();
  process->pid = pid;
  process->of_system = true;
  return process.get();
}

Pid ProcessTable::start(Pid parent, std::optional<BuiltIn> program, bool stopped) {
  const Pid pid(next_pid_++);
  auto& process = processes_[pid];
  process = std::make_unique<Process>();
  process->pid = pid;
  process->parent = parent;
  process->program = program;
  process->stage = stopped ? Stage::kExec : Stage::kRun;
  process->group_stopped = stopped;
  process->ends_at = saturating_add(timeline_.now(), program ? program->runs : Duration{});
  go_on_soon(*process);
  return pid;
}

void ProcessTable::adopt(Pid pid, Pid parent) {
  if (Process* const process = find(pid)) {
    process->parent = parent;
  }
}

std::vector<Pid> ProcessTable::pids() const {
  std::vector<Pid> all = system_.kfd().listed();
  for (const auto& [pid, process] : processes_) {
    if (!process->reaped) {
      all.push_back(pid);
    }
  }
  std::ranges::sort(all);
  const auto [first, last] = std::ranges::unique(all);
  all.erase(first, last);
  return all;
}

SysResult<bool> ProcessTable::exited(Pid pid) {
  const Process* const process = find(pid);
  if (process == nullptr) {
    return sys_fail(ESRCH);
  }
  return process->exited;
}

std::string ProcessTable::name_of(const Process& process) const {
  if (process.program) {
    return process.program->name;
  }
  return std::string(system_.name_of(process.pid)).substr(0, kNameBytes);
}

std::string ProcessTable::status_of(const Process& process) const {
  constexpr std::int32_t kInit = 1;
  const std::uint32_t user = user_of(process.pid);
  const bool is_held = process.stop && !process.listening;
  const std::string_view state = process.exited          ? "Z (zombie)"
                                 : is_held               ? "t (tracing stop)"
                                 : process.group_stopped ? "T (stopped)"
                                                         : "S (sleeping)";
  return fmt::format(
      "Name:\t{}\nState:\t{}\nTgid:\t{}\nPid:\t{}\nPPid:\t{}\nTracerPid:\t{}\n"
      "Uid:\t{}\t{}\t{}\t{}\nNSpid:\t{}\n",
      name_of(process), state, process.pid, process.pid, process.parent.value_or(Pid(kInit)),
      process.tracer ? process.tracer->thread : 0, user, user, user, user, process.pid);
}

SysResult<std::string> ProcessTable::proc_file(Pid pid, std::string_view file) {
  const Process* const process = find(pid);
  if (process == nullptr) {
    return sys_fail(ENOENT);
  }
  if (file == "status") {
    return status_of(*process);
  }
  if (file == "comm") {
    return name_of(*process) + "\n";
  }
  if (file == "cgroup") {
    return std::string("0::/\n");
  }
  return sys_fail(ENOENT);
}

SysResult<void> ProcessTable::signal(Pid pid, int number) {
  Process* const process = find(pid);
  if (process == nullptr) {
    return sys_fail(ESRCH);
  }
  if (process->exited || number == 0) {
    return {};
  }
  if (const auto ours = listeners_.find(pid); number == SIGKILL && ours != listeners_.end()) {
    ours->second->must_die();
    return {};
  }
  if (number == SIGKILL) {
    begin_exit(*process, ChildStatus::Kind::kKilled, SIGKILL);
    process->exit_stop_made = true;
    process->stop.reset();
    process->group_stopped = false;
    go_on_soon(*process);
    return {};
  }
  if (number == SIGCONT && std::exchange(process->group_stopped, false) && process->listening) {
    // The tracee reports the end of the group-stop, then SIGCONT itself.
    process->listening = false;
    process->stop.reset();
    process->interrupt_due = true;
  }
  process->signals.push_back(number);
  go_on_soon(*process);
  return {};
}

SysResult<std::optional<ChildStatus>> ProcessTable::poll(Pid caller, Pid pid) {
  Process* const process = find(pid);
  const bool is_tracer =
      process != nullptr && process->tracer && process->tracer->process == caller;
  const bool is_parent = process != nullptr && process->parent == caller;
  if (!is_tracer && !is_parent) {
    return sys_fail(ECHILD);
  }
  if (!process->exited) {
    return is_tracer ? std::exchange(process->report, std::nullopt) : std::nullopt;
  }
  if (!is_tracer && process->tracer) {
    return std::optional<ChildStatus>();  // its tracer hears of it first
  }
  process->tracer.reset();
  if (is_parent || !process->parent) {
    process->reaped = true;
  } else {
    tell(*process->parent);
  }
  return process->death;
}

void ProcessTable::abandon(Pid pid) {
  for (const auto& [each, entry] : processes_) {
    Process& process = *entry;
    if (process.tracer && process.tracer->process == pid) {
      release_from_dead(process);
    }
    if (process.parent == pid) {
      process.parent.reset();
    }
    process.reaped = process.reaped || (process.exited && !process.tracer && !process.parent);
  }
}

void ProcessTable::executed(Pid pid) {
  for (const auto& [each, process] : processes_) {
    const auto& tracer = process->tracer;
    if (tracer && tracer->process == pid && tracer->thread != pid.value()) {
      release_from_dead(*process);
    }
  }
}

/// Its tracer is gone: it goes on with the signal that it was stopped with.
void ProcessTable::release_from_dead(Process& process) {
  const bool in_signal_stop = process.stop && process.stop->kind == ChildStatus::Kind::kSignalStop;
  release(process, in_signal_stop ? process.stop->value : 0);
}

void ProcessTable::system_exited(Pid pid) {
  if (const auto found = processes_.find(pid); found != processes_.end()) {
    Process& process = *found->second;
    if (!process.death) {
      process.death = ChildStatus{.tid = pid.value(), .kind = ChildStatus::Kind::kExited};
    }
    finish(process);
  }
}

void ProcessTable::system_executed(Pid pid) {
  if (Process* const process = find(pid)) {
    process->exec_due = process->traces(kfd::kTraceExec);
    go_on_soon(*process);
  }
}

void ProcessTable::killed(Pid pid) {
  const auto found = processes_.find(pid);
  if (found != processes_.end() && !found->second->exited) {
    found->second->death =
        ChildStatus{.tid = pid.value(), .kind = ChildStatus::Kind::kKilled, .value = SIGKILL};
    finish(*found->second);
  }
}

void ProcessTable::map_memory(Pid pid, std::uint64_t address, std::string content) {
  if (Process* const process = find(pid)) {
    process->memory.insert_or_assign(address, std::move(content));
  }
}

SysResult<std::size_t> ProcessTable::read_memory(Pid pid, std::span<const MemoryRange> ranges) {
  const Process* const process = find(pid);
  if (process == nullptr || process->exited) {
    return sys_fail(ESRCH);
  }
  std::size_t total = 0;
  for (const MemoryRange& range : ranges) {
    auto piece = process->memory.upper_bound(range.address);
    std::size_t offset = 0;
    std::size_t count = 0;
    if (piece != process->memory.begin()) {
      --piece;
      offset = range.address - piece->first;
      count = std::min(range.into.size(),
                       piece->second.size() - std::min(offset, piece->second.size()));
    }
    if (count > 0) {
      std::memcpy(range.into.data(), piece->second.data() + offset, count);
    }
    total += count;
    if (count < range.into.size()) {
      break;
    }
  }
  if (total == 0 && !ranges.empty() && !ranges.front().into.empty()) {
    return sys_fail(EFAULT);
  }
  return total;
}

void ProcessTable::tell(Pid listener) {
  if (const auto found = listeners_.find(listener); found != listeners_.end()) {
    found->second->child_changed();
  }
}

}  // namespace gpreempt::vkfd
