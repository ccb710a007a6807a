#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::vkfd {

/// A program that a virtual machine can execute: does nothing for `runs`, then exits with `code`.
struct BuiltIn {
  std::string name;
  Duration runs{};
  int code = 0;
};

/// "true", "false", "exit CODE" and "sleep SECONDS" (or "sleep infinity"), also with a folder
/// before the name; nullopt for everything else.
[[nodiscard]] std::optional<BuiltIn> find_built_in(std::span<const std::string> argv);

/// The processes of a virtual machine as ptrace, wait and pidfds see them: stops, signals, exits.
/// Those of the simulated system are there from their launch on (what they do on the GPU goes on
/// during a stop: a stop is of the host's threads); others are started here.
///
/// Modelled: signal stops, group stops with SIGCONT and listening, interrupt, exec and exit stops,
/// the default actions of signals. A process of the simulated system that ends by itself makes no
/// exit stop. A change that a call causes shows right after the events of its instant.
/// Source: ptrace(2), signal(7).
class ProcessTable {
 public:
  using Caller = sim::KfdModel::Caller;

  /// A process of ours that wants to hear of changes.
  class Listener {
   public:
    Listener() = default;
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    virtual ~Listener() = default;
    /// A child or tracee of it may have changed.
    virtual void child_changed() = 0;
    /// Some process has exited.
    virtual void process_exited(Pid pid) = 0;
    /// Another process has sent it SIGKILL.
    virtual void must_die() = 0;
  };

  explicit ProcessTable(sim::System& system);
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;
  ~ProcessTable();

  void add_listener(Pid process, Listener& listener) { listeners_[process] = &listener; }
  void remove_listener(Pid process) { listeners_.erase(process); }
  /// A process has died: its tracees go on untraced, its children are nobody's.
  void abandon(Pid process);

  /// A process of ours has executed another program: only its first thread is left, and traces on.
  void executed(Pid process);

  // See `kfd::Os` for what these do and their errors.
  [[nodiscard]] Pid start(Pid parent, std::optional<BuiltIn> program, bool stopped);
  /// A process of the simulated system becomes the child of one of ours.
  void adopt(Pid pid, Pid parent);
  /// Every process that there is, ascending.
  [[nodiscard]] std::vector<Pid> pids() const;
  [[nodiscard]] kfd::SysResult<long> trace(const Caller& caller, kfd::PtraceOp op, Pid pid,
                                           std::uint64_t arg);
  [[nodiscard]] kfd::SysResult<std::optional<kfd::ChildStatus>> poll(Pid caller, Pid pid);
  [[nodiscard]] kfd::SysResult<void> signal(Pid pid, int number);
  [[nodiscard]] kfd::SysResult<std::size_t> read_memory(Pid pid,
                                                        std::span<const kfd::MemoryRange> ranges);
  /// A file of its folder in /proc: "comm", "cgroup" (the root's for all), and of "status" the
  /// lines Name, State, Tgid, Pid, PPid (1 for those that nobody of ours has started), TracerPid,
  /// Uid and NSpid.
  /// Errors: ENOENT.
  [[nodiscard]] kfd::SysResult<std::string> proc_file(Pid pid, std::string_view file);
  /// Whether it has exited; ESRCH: there is no such process (any more).
  [[nodiscard]] kfd::SysResult<bool> exited(Pid pid);

  /// A process of ours was killed, and is gone.
  void killed(Pid pid);
  /// Whose process it is, for who may trace it; root's unless told.
  void set_user(Pid pid, std::uint32_t user) { users_[pid] = user; }
  /// A process of the simulated system has ended, or has executed another program.
  void system_exited(Pid pid);
  void system_executed(Pid pid);
  /// Gives a process memory to read.
  void map_memory(Pid pid, std::uint64_t address, std::string content);

 private:
  struct Process;
  enum class Stage { kExec, kRun, kExit };

  [[nodiscard]] Process* find(Pid pid);
  [[nodiscard]] std::string name_of(const Process& process) const;
  [[nodiscard]] std::string status_of(const Process& process) const;
  [[nodiscard]] std::uint32_t user_of(Pid pid) const {
    const auto found = users_.find(pid);
    return found == users_.end() ? 0 : found->second;
  }
  kfd::SysResult<long> seize(const Caller& caller, Process& process, std::uint64_t options);
  void interrupt(Process& process);
  void cont(Process& process, int signal);
  void release_from_dead(Process& process);
  void release(Process& process, int signal);

  void go_on_soon(Process& process);
  void go_on(Process& process);
  [[nodiscard]] bool step(Process& process);
  [[nodiscard]] bool advance(Process& process);
  [[nodiscard]] bool run_program(Process& process);
  [[nodiscard]] bool leave(Process& process);
  void deliver_signal(Process& process);
  void act(Process& process, int signal);
  void begin_exit(Process& process, kfd::ChildStatus::Kind kind, int value);
  void finish(Process& process);
  void stop(Process& process, kfd::ChildStatus::Kind kind, int signal);
  void tell(Pid listener);

  sim::System& system_;
  sim::Timeline& timeline_;
  std::map<Pid, Listener*> listeners_;
  std::map<Pid, std::unique_ptr<Process>> processes_;
  std::map<Pid, std::uint32_t> users_;
  std::int32_t next_pid_;
};

}  // namespace gpreempt::vkfd
