#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/launch/command.h"
#include "backends/kfd/launch/gpu_processes.h"
#include "backends/kfd/launch/hint_server.h"
#include "backends/kfd/launch/packet_count.h"
#include "backends/kfd/os.h"
#include "backends/kfd/target_selector.h"
#include "core/error.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// Who does a tenant's work.
struct TenantCommand {
  /// Started here, and ended with the testbed. "{hints}" in a word stands for the path of the
  /// tenant's socket, which is in its environment as GPREEMPT_HINTS, too. Empty: `existing`.
  std::vector<std::string> argv;
  /// Processes that run already; they are left as they are in the end.
  std::vector<TargetSelector> existing;
  /// That are to have queues; as many programs of the same name belong to it.
  std::size_t processes = 1;
  /// It gives hints, and says when it is ready.
  bool says_ready = false;
};

/// How tenants are brought up.
struct TenantOptions {
  GpuProcessRoots roots;
  std::vector<GpuId> gpus;                    ///< that commands are shown, in their order
  Duration ready_patience{};                  ///< until all processes have queues
  Duration settle{};                          ///< and then for them to warm up
  HintSink* hints = nullptr;                  ///< of the backend
  std::function<void(std::string_view)> say;  ///< each step, a line; may be empty
};

/// One tenant's processes: a command that was started here and what descends from it, or others
/// that run already.
class Tenant {
 public:
  /// `os` must outlive it.
  Tenant(Os& os, std::string name, TenantCommand who)
      : os_(os), name_(std::move(name)), who_(std::move(who)) {}
  Tenant(const Tenant&) = delete;
  Tenant& operator=(const Tenant&) = delete;
  /// `end` must have been called, unless `bring_up` never was.
  ~Tenant() = default;

  /// Starts the command, or looks for the processes, and waits until they have queues. `socket`:
  /// where they give hints. Blocks: for `ready_patience` and `settle` at most. Errors: those of
  /// `LaunchedCommand::start`, `HintServer::start`, `find_targets` and `await_gpu_processes`,
  /// kInvalidArgument (nobody is named; a command has queues on a GPU that it is not shown, where
  /// sysfs tells); `end` is to be called all the same.
  [[nodiscard]] Result<void> bring_up(const TenantOptions& options, std::string socket);

  [[nodiscard]] const std::string& name() const { return name_; }
  /// By rank: in the order of their GPUs.
  [[nodiscard]] const std::vector<Pid>& pids() const { return pids_; }
  /// Whether its processes were started here.
  [[nodiscard]] bool is_launched() const { return command_.has_value(); }
  /// The next of its processes that nobody was given; nullopt: all were.
  [[nodiscard]] std::optional<Pid> hand_out();

  /// Tells its processes when to begin.
  void begin(Instant start);
  /// What the process, one of `pids`, has said of itself; kernels, if it says nothing of its work,
  /// as `PacketCount` counts them.
  [[nodiscard]] ProgramProgress progress(Pid pid);
  [[nodiscard]] const std::vector<RequestRecord>& requests(Pid pid);

  /// Ends what was started here, leaves others alone, and closes the socket. Nothing may be traced
  /// or suspended any more. Blocks and errors: as `LaunchedCommand::stop`. Idempotent.
  [[nodiscard]] Result<void> end(Duration stop_patience);

 private:
  [[nodiscard]] Result<void> start(const TenantOptions& options, std::string socket);
  [[nodiscard]] Result<void> listen_to_existing(const TenantOptions& options, std::string socket);
  /// Refuses processes that were started here and are on a GPU that they were not to see: it was
  /// not counted among those that a suspend disturbs.
  [[nodiscard]] Result<void> check_gpus(const TenantOptions& options,
                                        const std::vector<Pid>& pids) const;
  [[nodiscard]] std::vector<Pid> processes(const GpuProcessRoots& roots);
  /// Why a command that was started here will never have queues; empty: it may.
  [[nodiscard]] std::string why_never(const GpuProcessRoots& roots);
  [[nodiscard]] std::size_t rank_of(Pid pid) const;

  Os& os_;
  std::string name_;
  TenantCommand who_;
  std::unique_ptr<HintServer> hints_;
  std::optional<LaunchedCommand> command_;
  std::vector<Pid> pids_;
  std::size_t handed_out_ = 0;
  std::vector<Told> told_;  ///< by rank
  std::vector<PacketCount> packets_;
};

}  // namespace gpreempt::kfd
