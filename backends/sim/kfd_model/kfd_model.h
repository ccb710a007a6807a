#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/phase_clock.h"
#include "backends/sim/gpu/runlist.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/task.h"
#include "backends/sim/timeline.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/random.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {

/// amdkfd as its clients see it, in virtual time: processes, queue ids, debug sessions, suspend and
/// resume, and what each costs whom. Results are the ioctl's: a count, or a negative errno. Every
/// call is asynchronous: the reply comes when the ioctl would return.
///
/// Modelled here: queue ids lowest-free per process; the QUEUE_NEW gate; suspended, evicted and
/// percentage as separate reasons for being off; one dqm lock per GPU, GPUs served one after
/// another; unmap and remap of *every* queue of a GPU; the synchronous header copy that moves save
/// areas; sessions that end with their debugger. Source: amdkfd, see docs/model.md.
class KfdModel {
 public:
  /// Who calls: ptrace and some drivers look at the thread.
  struct Caller {
    Pid process;
    std::int32_t thread = 0;
  };
  struct NewQueue {
    std::uint32_t gpu = 0;  ///< index
    QueueType type = QueueType::kCompute;
    std::uint32_t priority = 7;
    std::uint64_t ring_bytes = 0;
  };
  struct QueueEntry {
    std::uint32_t id = 0;
    std::uint32_t gpu = 0;
    QueueType type = QueueType::kCompute;
    std::uint64_t ring_bytes = 0;
    std::uint64_t ring_base = 0;
    std::uint64_t exceptions = 0;
  };
  struct DebugEvent {
    std::uint64_t exceptions = 0;
    std::uint32_t gpu = 0;
    std::uint32_t queue = 0;
  };
  using Reply = std::function<void(long)>;
  using SnapshotReply = std::function<void(long, const std::vector<QueueEntry>&)>;
  /// The ids as the kernel wrote them back, with its bits 30 (error) and 31 (invalid).
  using IdsReply = std::function<void(long, const std::vector<std::uint32_t>&)>;

  static constexpr std::uint64_t kQueueNew = std::uint64_t{1} << 30;
  static constexpr std::uint64_t kProcessRuntime = std::uint64_t{1} << 47;
  static constexpr std::uint32_t kQueueError = 1U << 30;
  static constexpr std::uint32_t kQueueInvalid = 1U << 31;
  static constexpr std::size_t kMaxIds = 1024;

  /// What the bits the driver left in an id mean.
  [[nodiscard]] static constexpr Outcome outcome_of(std::uint32_t id) {
    if ((id & kQueueInvalid) != 0) {
      return Outcome::kInvalid;
    }
    return (id & kQueueError) != 0 ? Outcome::kError : Outcome::kOk;
  }

  KfdModel(Timeline& timeline, const std::vector<Gpu*>& gpus, Personality personality,
           std::uint64_t seed);
  KfdModel(const KfdModel&) = delete;
  KfdModel& operator=(const KfdModel&) = delete;
  ~KfdModel();

  // ---- processes and their own ioctls ----
  /// A process opens /dev/kfd and enables its runtime.
  void add_process(Pid pid);
  [[nodiscard]] bool alive(Pid pid) const;
  /// It ends, by itself or by SIGKILL: its debug sessions are disabled (which resumes their
  /// targets), then its queues go.
  void exit_process(Pid pid);
  /// CREATE_QUEUE: replies the id. The queue is active when the reply comes.
  void create_queue(Pid pid, const NewQueue& queue, Reply reply);
  /// The queue's place on its GPU, for the process' doorbells.
  [[nodiscard]] std::optional<QueueIndex> hardware_queue(Pid pid, std::uint32_t id) const;

  // ---- ptrace, as far as KFD looks at it ----
  long seize(Caller caller, Pid target);
  long let_go(Caller caller, Pid target);

  // ---- DBG_TRAP ----
  /// `notify` is called for each newly raised exception of `mask` (the byte in the debugger's
  /// pipe).
  void enable(Caller caller, Pid target, std::uint64_t mask, std::function<void()> notify,
              Reply reply);
  void disable(Caller caller, Pid target, Reply reply);
  /// Newest first; exceptions of `clear` are cleared on the entries that fit in `capacity`.
  void snapshot(Caller caller, Pid target, std::uint64_t clear, std::size_t capacity,
                SnapshotReply reply);
  /// `grace` empty: the driver's default.
  void suspend(Caller caller, Pid target, std::vector<std::uint32_t> ids,
               std::optional<Duration> grace, IdsReply reply);
  void resume(Caller caller, Pid target, std::vector<std::uint32_t> ids, IdsReply reply);
  /// One pending event, its bits in `clear` cleared; -EAGAIN when there is none.
  long query_event(Caller caller, Pid target, std::uint64_t clear, DebugEvent& event);
  long send_runtime_event(Caller caller, Pid target, std::uint64_t mask);
  /// Replaces the session's mask; notifies if an exception of the new one is pending.
  long set_exceptions(Caller caller, Pid target, std::uint64_t mask);

  // ---- observation ----
  [[nodiscard]] const std::vector<DriverCall>& calls() const { return calls_; }
  [[nodiscard]] const GpuParameters& parameters(std::uint32_t gpu) const;
  [[nodiscard]] std::uint32_t gpus() const { return static_cast<std::uint32_t>(nodes_.size()); }
  /// Queues that hold a place on the runlist of `gpu`, and processes that do.
  [[nodiscard]] std::uint32_t active_queues(std::uint32_t gpu) const;
  [[nodiscard]] std::uint32_t processes(std::uint32_t gpu) const;
  [[nodiscard]] Duration bystander(Pid pid) const;
  [[nodiscard]] const Personality& personality() const { return personality_; }

 private:
  struct Queue;
  struct Process;
  struct Node;
  struct CallRecord;
  struct Request {
    ControlKind kind = ControlKind::kSuspend;
    Caller caller;
    Pid target;
    Duration grace{};
  };

  [[nodiscard]] Process* find(Pid pid) const;
  [[nodiscard]] long check(Caller caller, Pid target, bool enabled, bool runtime) const;
  void raise(Process& process, Queue& queue, std::uint64_t exceptions);
  [[nodiscard]] Runlist runlist(std::uint32_t gpu) const;

  Task create(Process& process, NewQueue queue, Reply reply);
  Task end(Process& process);
  Task do_enable(Caller caller, Pid target, std::uint64_t mask, std::function<void()> notify,
                 Reply reply);
  Task do_disable(Caller caller, Pid target, Reply reply);
  Task do_snapshot(Caller caller, Pid target, std::uint64_t clear, std::size_t capacity,
                   SnapshotReply reply);
  Task control(Request request, std::vector<std::uint32_t> ids, IdsReply reply);
  Task control_gpu(Process& process, std::uint32_t gpu, Duration grace,
                   std::vector<std::uint32_t>& ids, CallRecord& call);
  Task close_session(Process& process);
  Task refresh(std::uint32_t gpu, Duration grace, Pid cause, CallRecord& call);
  Task locked_refresh(std::uint32_t gpu, Pid cause, Duration grace);
  Task copy_headers(Process& process, CallRecord& call);

  Timeline& timeline_;
  Personality personality_;
  RandomStream random_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<Pid, std::unique_ptr<Process>> processes_;
  std::vector<DriverCall> calls_;
  std::uint64_t next_ring_ = 1;
  TaskScope tasks_;
};

}  // namespace gpreempt::sim
