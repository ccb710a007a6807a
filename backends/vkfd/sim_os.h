#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/timeline.h"
#include "backends/sim/world.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/open_file.h"
#include "backends/vkfd/process_table.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::vkfd {

/// The port of the KFD backend in virtual time: one process on a `Machine`. Its workers are parties
/// of the world; a party that calls it without having been spawned by it counts as a thread of the
/// process too (the first one has the process's number as its thread id).
///
/// Time: only `wait`, `join` and the driver's calls (ENABLE, DISABLE, snapshot, SUSPEND, RESUME)
/// take virtual time; all else happens within its instant.
///
/// Shared ownership: its workers keep it alive until their stacks are gone.
class SimOs final : public kfd::Os,
                    public std::enable_shared_from_this<SimOs>,
                    private ProcessTable::Listener {
 public:
  /// Starts a process. `machine` must outlive its death.
  [[nodiscard]] static std::shared_ptr<SimOs> open(Machine& machine, std::uint32_t user = 0);
  /// Starts a copy of this process, with its descriptors. `apart`: in a pid namespace of its own.
  [[nodiscard]] std::shared_ptr<SimOs> fork(bool apart) const;
  ~SimOs() override;
  SimOs(const SimOs&) = delete;
  SimOs& operator=(const SimOs&) = delete;

  [[nodiscard]] Pid pid() const { return pid_; }
  /// Its number as it sees it.
  [[nodiscard]] Pid local_pid() const { return apart_ ? Pid(1) : pid_; }
  /// A descriptor of a place, not of a file (O_PATH).
  [[nodiscard]] kfd::Fd open_path() { return add(std::make_shared<PathFile>()); }
  [[nodiscard]] bool is_dead() const { return dead_; }

  /// What SIGKILL does: from now on every call of it fails at once, its workers' stacks are
  /// unwound, and when its last call has left the driver, its debug sessions end (which resumes
  /// their targets). From a party that is not one of its workers. Blocks: no virtual time.
  void kill();
  /// It executes its program anew: its files are closed, the driver forgets it, and what threads
  /// other than its first one trace is let go of. Whoever traces it gets no stop; its workers and
  /// wakers stay, for they stand for those of the new program.
  void exec();
  /// Its workers stop, as in a frozen control group, until `thaw` or `kill`: the wait or the call
  /// that each is in does not return. From a party that is not one of its workers.
  void freeze() { frozen_ = true; }
  void thaw();
  /// The same as `kill` without unwinding anybody, for when the world itself ends the parties.
  void abandon();
  /// The user asks the process to end: what `signals` is readable for.
  void ask_to_end(int signal);

  // ---- kfd::Os
  [[nodiscard]] Instant now() override { return timeline_.now(); }
  [[nodiscard]] kfd::SysResult<kfd::WorkerId> spawn(std::string name,
                                                    std::function<void()> body) override;
  kfd::SysResult<void> join(kfd::WorkerId worker) override;
  [[nodiscard]] kfd::Tid self() override { return current().tid; }
  [[nodiscard]] kfd::SysResult<kfd::Fd> make_waker() override;
  void wake(kfd::Fd waker) override;
  [[nodiscard]] kfd::SysResult<std::size_t> wait(std::span<kfd::WaitFd> fds,
                                                 Instant deadline) override;
  void drain(kfd::Fd fd) override;

  [[nodiscard]] kfd::SysResult<kfd::Fd> open(const std::string& path, kfd::OpenMode mode) override;
  void close(kfd::Fd fd) override;
  [[nodiscard]] kfd::SysResult<std::size_t> read(kfd::Fd fd, std::span<std::byte> into) override;
  [[nodiscard]] kfd::SysResult<std::size_t> write(kfd::Fd fd,
                                                  std::span<const std::byte> from) override;
  [[nodiscard]] kfd::SysResult<kfd::PipeEnds> pipe() override;
  [[nodiscard]] kfd::SysResult<std::string> read_file(const std::string& path) override;
  [[nodiscard]] kfd::SysResult<std::vector<std::string>> list_dir(const std::string& path) override;
  [[nodiscard]] kfd::SysResult<std::string> read_link(const std::string& path) override;

  [[nodiscard]] kfd::SysResult<kfd::Fd> listen(const std::string& path) override;
  [[nodiscard]] kfd::SysResult<kfd::Fd> listen_to_all(const std::string& path) override;
  [[nodiscard]] kfd::SysResult<kfd::Fd> accept(kfd::Fd listener) override;
  [[nodiscard]] kfd::SysResult<kfd::Fd> connect(const std::string& path) override;
  [[nodiscard]] kfd::SysResult<kfd::Peer> peer_of(kfd::Fd connection) override;
  kfd::SysResult<void> remove_file(const std::string& path) override;

  [[nodiscard]] kfd::SysResult<long> ioctl(kfd::Fd fd, std::uint32_t request, void* arg) override;

  [[nodiscard]] kfd::SysResult<Pid> start(std::span<const std::string> argv,
                                          std::span<const std::string> env, bool stopped) override;
  [[nodiscard]] kfd::SysResult<long> ptrace(kfd::PtraceOp op, kfd::Tid tid,
                                            std::uint64_t arg) override;
  [[nodiscard]] kfd::SysResult<std::optional<kfd::ChildStatus>> poll_child(kfd::Tid tid) override;
  [[nodiscard]] kfd::SysResult<kfd::Fd> child_events() override { return child_events_; }
  [[nodiscard]] kfd::SysResult<kfd::Fd> signals() override { return signals_; }
  [[nodiscard]] kfd::SysResult<kfd::Fd> open_pidfd(Pid pid) override;
  kfd::SysResult<void> signal(kfd::Fd pidfd, int number) override;
  [[nodiscard]] kfd::SysResult<std::size_t> read_memory(
      Pid pid, std::span<const kfd::MemoryRange> ranges) override;

 private:
  /// A thread of the process.
  struct Worker {
    sim::World::Party* party = nullptr;
    kfd::Tid tid = 0;
    std::function<void()> body;           ///< until it has begun
    bool spawned = false;                 ///< by us
    std::vector<OpenFile*> waiter_files;  ///< what `waiter` was named after
    std::unique_ptr<sim::Waiter> waiter;
    std::unique_ptr<sim::Waiter> thawed;  ///< while it is frozen
  };
  struct DriverCall;
  class KernelSide;
  using File = std::shared_ptr<OpenFile>;

  SimOs(Machine& machine, Pid pid, std::uint32_t user, bool apart);

  void child_changed() override;
  void process_exited(Pid pid) override;
  void must_die() override { kill(); }

  void run(Worker& worker);
  [[nodiscard]] Worker& current();
  [[nodiscard]] ProcessTable::Caller caller();
  [[nodiscard]] sim::Waiter& waiter_for(Worker& worker, std::span<const File> files);
  [[nodiscard]] OpenFile* find(kfd::Fd fd) const;
  template <class Kind>
  [[nodiscard]] std::shared_ptr<Kind> find_as(kfd::Fd fd) const {
    return find(fd) == nullptr
               ? nullptr
               : std::dynamic_pointer_cast<Kind>(files_[static_cast<std::size_t>(fd)]);
  }
  kfd::Fd add(File file);
  [[nodiscard]] bool mark_dead();
  /// Blocks: while the process is frozen, a worker of it. Returns whether the process lives.
  bool await_thaw();
  [[nodiscard]] bool may_look_at(const std::string& path) const;

  /// The process that `pid`, also a thread's number, names here.
  [[nodiscard]] std::optional<Pid> resolve(std::int32_t pid) const;

  // The ioctls: the result, and what is written into `arguments`.
  [[nodiscard]] long serve(std::uint32_t number, std::span<std::byte> arguments);
  [[nodiscard]] long create_queue(kfd::abi::CreateQueue& args);
  [[nodiscard]] long destroy_queue(const kfd::abi::DestroyQueue& args);
  [[nodiscard]] long set_runtime(const kfd::abi::RuntimeEnable& args);
  [[nodiscard]] long query_xnack(kfd::abi::XnackMode& args) const;
  [[nodiscard]] std::optional<std::uint32_t> gpu_index(std::uint32_t gpu_id) const;

  // DBG_TRAP, one per operation.
  [[nodiscard]] long trap(kfd::abi::TrapArgs& args);
  [[nodiscard]] long trap_waves(Pid target, kfd::abi::TrapArgs& args);
  [[nodiscard]] long trap_enable(Pid target, kfd::abi::TrapEnable& args);
  [[nodiscard]] long trap_disable(Pid target);
  [[nodiscard]] long trap_snapshot(Pid target, kfd::abi::TrapQueueSnapshot& args);
  [[nodiscard]] long trap_suspend(Pid target, const kfd::abi::TrapSuspend& args);
  [[nodiscard]] long trap_resume(Pid target, const kfd::abi::TrapResume& args);
  [[nodiscard]] long trap_send_event(Pid target, const kfd::abi::TrapSendRuntimeEvent& args);
  [[nodiscard]] long trap_override(Pid target, kfd::abi::TrapLaunchOverride& args);
  [[nodiscard]] long trap_exception_info(Pid target, kfd::abi::TrapExceptionInfo& args);
  [[nodiscard]] long trap_device_snapshot(Pid target, kfd::abi::TrapDeviceSnapshot& args);
  [[nodiscard]] long trap_query_event(Pid target, kfd::abi::TrapQueryEvent& args);
  [[nodiscard]] std::shared_ptr<DriverCall> enter_driver(std::string_view operation, Pid target);
  [[nodiscard]] bool await(DriverCall& call);

  Machine& machine_;
  sim::Timeline& timeline_;
  Pid pid_;
  std::uint32_t user_;
  bool apart_;  ///< in a pid namespace of its own
  bool dead_ = false;
  bool frozen_ = false;
  std::unordered_map<const sim::World::Party*, std::unique_ptr<Worker>> workers_;
  std::map<kfd::WorkerId, Worker*> joinable_;
  std::uint32_t next_worker_ = 0;
  bool has_main_ = false;
  std::vector<File> files_;  ///< by descriptor
  kfd::Fd child_events_ = kfd::kNoFd;
  kfd::Fd signals_ = kfd::kNoFd;
  std::shared_ptr<KernelSide> kernel_;
};

}  // namespace gpreempt::vkfd
