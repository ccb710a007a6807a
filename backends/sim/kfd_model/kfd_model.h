#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/phase_clock.h"
#include "backends/sim/gpu/runlist.h"
#include "backends/sim/gpu/wave_dispatcher.h"
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
/// Modelled here: queue ids lowest-free per process (or as the personality says); the QUEUE_NEW
/// gate; suspended, evicted and percentage as separate reasons for being off; one dqm lock per GPU,
/// GPUs served one after another; unmap and remap of *every* queue of a GPU; the synchronous header
/// copy that moves save areas; sessions that end with their debugger; evictions and their restores.
/// A GPU here is a KFD node: partitions of one device are nodes of their own and do not disturb
/// each other. Source: amdkfd (kfd_device_queue_manager.c, kfd_debug.c), see docs/model.md.
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
    bool cooperative = false;  ///< ALLOC_QUEUE_GWS: uses global wave sync
  };
  /// What UPDATE_QUEUE changes; what is empty stays.
  struct QueueUpdate {
    std::optional<std::uint32_t> percentage;  ///< 0..100; 0 takes the queue off
    std::optional<std::uint32_t> priority;    ///< 0..15
  };
  /// Why the driver takes a process' queues off by itself, and when it puts them back.
  enum class Eviction {
    kTtm,      ///< memory is wanted: 100 ms, and not before the queues have run for 10 ms
    kUserptr,  ///< the host changed mapped memory: 1 ms
    kSvm,      ///< the same for a shared range: 1 ms
  };
  struct QueueEntry {
    std::uint32_t id = 0;
    std::uint32_t gpu = 0;
    QueueType type = QueueType::kCompute;
    std::uint64_t ring_bytes = 0;
    std::uint64_t ring_base = 0;
    std::uint64_t exceptions = 0;
  };
  /// A queue as the driver keeps it, for who may look into the kernel.
  struct ListedQueue {
    Pid process;
    std::uint32_t id = 0;
    std::uint32_t gpu = 0;
    QueueType type = QueueType::kCompute;
    std::uint64_t ring_bytes = 0;
    std::uint64_t serial = 0;  ///< rises with each queue created; see `ring_base_of`
    std::uint32_t priority = 0;
    QueueIndex hardware = 0;
    /// Of a compute queue: which doorbell of its process on its GPU, the lowest free one.
    std::uint32_t doorbell = 0;
    bool is_active = false;  ///< nothing keeps it off: the next runlist has it
  };
  struct DebugEvent {
    std::uint64_t exceptions = 0;
    std::uint32_t gpu = 0;
    std::uint32_t queue = 0;
  };
  /// What the driver knows of a process' runtime.
  struct RuntimeInfo {
    bool enabled = false;
    bool ttmp_setup = false;
    std::uint64_t r_debug = 0;
  };
  struct EnableRequest {
    std::uint64_t mask = 0;        ///< exceptions that are notified
    std::function<void()> notify;  ///< the byte in the debugger's file; empty: it named none
    /// Gives the runtime's state to the caller; returns whether its memory could be written. Empty:
    /// there is nothing to give.
    std::function<bool(const RuntimeInfo&)> publish;
  };
  struct ExceptionQuery {
    std::uint32_t code = 0;
    std::uint32_t source = 0;  ///< the queue or GPU
    bool clears = false;
  };
  /// What an operation of DBG_TRAP wants besides the right to debug its target.
  enum class Gate {
    kEnable,   ///< nothing
    kDisable,  ///< a session; older drivers do not ask who ends it
    kSession,  ///< a session
    kRuntime,  ///< a session and an enabled runtime
  };
  using Reply = std::function<void(long)>;
  using SnapshotReply = std::function<void(long, const std::vector<QueueEntry>&)>;
  /// The ids as the kernel wrote them back, with its bits 30 (error) and 31 (invalid).
  using IdsReply = std::function<void(long, const std::vector<std::uint32_t>&)>;

  static constexpr std::uint64_t kQueueNew = std::uint64_t{1} << 30;
  static constexpr std::uint64_t kProcessRuntime = std::uint64_t{1} << 47;
  static constexpr std::uint64_t kDeviceMemoryViolation = std::uint64_t{1} << 32;
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
  /// A process that has not opened /dev/kfd: the driver finds it only once it has, or once its
  /// tracer has asked for ENABLE.
  void add_task(Pid pid);
  /// It opens /dev/kfd. Once is enough.
  void open_device(Pid pid, std::optional<std::vector<std::uint32_t>> visible = std::nullopt);
  /// RUNTIME_ENABLE, or without `enable` its end. Under a debugger it waits for SEND_RUNTIME_EVENT;
  /// one sent before counts. Errors: -EBUSY (enabled already), -EEXIST (it has queues), -EINTR.
  void set_runtime(Pid pid, RuntimeInfo request, Reply reply);
  /// A signal reaches a process: calls of it that can be interrupted end with -EINTR.
  void interrupt(Pid pid);
  /// What the driver lists in sysfs: processes that have opened it, ascending.
  [[nodiscard]] std::vector<Pid> listed() const;
  [[nodiscard]] bool is_listed(Pid pid) const;
  /// A process opens /dev/kfd and enables its runtime. `visible`: the GPUs that its device cgroup
  /// permits, ascending; nullopt for all. Attaching and exiting disturb all of these, used or not.
  void add_process(Pid pid, std::optional<std::vector<std::uint32_t>> visible = std::nullopt);
  [[nodiscard]] bool alive(Pid pid) const;
  /// It ends, by itself or by SIGKILL: its debug sessions are disabled (which resumes their
  /// targets), then its queues go, with one refresh of every GPU it sees.
  void exit_process(Pid pid);
  /// It executes another program: for the driver it ends, and is a task that has not opened the
  /// device; who traces it traces on, and so does its first thread.
  void exec_process(Pid pid);
  /// CREATE_QUEUE: replies the id. The runlist with the queue is submitted when the reply comes.
  /// Errors: -ESRCH, -EINVAL (GPU not visible, priority), -ENOSPC (255 queues of the process on the
  /// GPU), -EPERM (4096 on the GPU), -ENOMEM (1024 ids, or no SDMA queue is free).
  void create_queue(Pid pid, const NewQueue& queue, Reply reply);
  /// DESTROY_QUEUE. While a debugger holds the queue suspended it waits, without limit, for a
  /// resume or the session's end. Errors: -EINVAL (no such queue), -EBUSY (a second one, where the
  /// personality says so), -EINTR (the process was killed meanwhile).
  void destroy_queue(Pid pid, std::uint32_t id, Reply reply);
  /// UPDATE_QUEUE: one unmap and map of the GPU, whatever changes. A suspended queue stays off.
  /// Errors: -EINVAL (out of range), -EFAULT (no such queue), -EACCES (a queue of the process on
  /// that GPU was reset; every queue of the GPU is off until somebody else's next refresh).
  void update_queue(Pid pid, std::uint32_t id, QueueUpdate update, Reply reply);
  /// SET_CU_MASK in words of 32 bits, for the same cycle. Errors: as `update_queue`; -EINVAL for no
  /// words.
  void set_cu_mask(Pid pid, std::uint32_t id, std::vector<std::uint32_t> words, Reply reply);
  /// CRIU_OP PROCESS_INFO (which evicts every queue of the process, without a restore to come) and
  /// UNPAUSE. Errors: -EINVAL (not paused).
  void criu_pause(Pid pid, bool paused, Reply reply);
  /// The driver evicts the process and restores it later; nobody is asked. Ignored for a dead one,
  /// and while an earlier eviction of the same kind lasts.
  void evict(Pid pid, Eviction cause);
  /// Called when a queue of a process has been created or has gone.
  void on_queues(std::function<void(Pid)> callback) { on_queues_ = std::move(callback); }
  /// The queue's priority, as the process knows it.
  [[nodiscard]] std::optional<std::uint32_t> priority(Pid pid, std::uint32_t id) const;
  /// Called for a process when queues of it are lost to a reset of them, or of their GPU.
  void on_reset(std::function<void(Pid)> callback) { on_reset_ = std::move(callback); }
  /// The queue's place on its GPU, for the process' doorbells.
  [[nodiscard]] std::optional<QueueIndex> hardware_queue(Pid pid, std::uint32_t id) const;

  // ---- hypothetical ioctls: what a patch of the driver could buy ----
  /// Takes off only the queues named and saves their waves; all others stay mapped and run. The ids
  /// come back as SUSPEND's do, but new queues are taken too. No header copy.
  void selective_unmap(Pid pid, std::vector<std::uint32_t> ids, IdsReply reply);
  /// Puts back what `selective_unmap` or `reset_queues` took off (RESUME_QUEUES does so too).
  void selective_map(Pid pid, std::vector<std::uint32_t> ids, IdsReply reply);
  /// Kills the waves of the queues named and takes them off: their kernels start over when put
  /// back. Source: REEF's reset-based preemption.
  void reset_queues(Pid pid, std::vector<std::uint32_t> ids, IdsReply reply);

  // ---- ptrace, as far as KFD looks at it ----
  long seize(Caller caller, Pid target);
  long let_go(Caller caller, Pid target);

  // ---- DBG_TRAP ----
  /// `notify` is called for each newly raised exception of `mask` (the byte in the debugger's
  /// pipe).
  void enable(Caller caller, Pid target, std::uint64_t mask, std::function<void()> notify,
              Reply reply) {
    enable(caller, target,
           EnableRequest{.mask = mask, .notify = std::move(notify), .publish = nullptr},
           std::move(reply));
  }
  void enable(Caller caller, Pid target, EnableRequest request, Reply reply);
  void disable(Caller caller, Pid target, Reply reply);
  /// Newest first; exceptions of `clear` are cleared on the entries that fit in `capacity`.
  void snapshot(Caller caller, Pid target, std::uint64_t clear, std::size_t capacity,
                SnapshotReply reply);
  /// `grace` empty: the driver's default.
  void suspend(Caller caller, Pid target, std::vector<std::uint32_t> ids,
               std::optional<Duration> grace, IdsReply reply) {
    suspend_array(caller, target, {.ids = std::move(ids)}, grace, std::move(reply));
  }
  void resume(Caller caller, Pid target, std::vector<std::uint32_t> ids, IdsReply reply) {
    resume_array(caller, target, {.ids = std::move(ids)}, std::move(reply));
  }
  /// An array in the caller's memory.
  struct IdArray {
    std::vector<std::uint32_t> ids;
    long fault = 0;  ///< what the driver finds wrong with it once it may look, a negative errno
  };
  void suspend_array(Caller caller, Pid target, IdArray array, std::optional<Duration> grace,
                     IdsReply reply);
  void resume_array(Caller caller, Pid target, IdArray array, IdsReply reply);
  /// One pending event, its bits in `clear` cleared; -EAGAIN when there is none.
  long query_event(Caller caller, Pid target, std::uint64_t clear, DebugEvent& event);
  /// Errors: -ENODEV (a memory violation of `gpu`, which is no index of a GPU).
  long send_runtime_event(Caller caller, Pid target, std::uint64_t mask,
                          std::optional<std::uint32_t> gpu = std::nullopt);
  /// Replaces the session's mask; notifies if an exception of the new one is pending.
  long set_exceptions(Caller caller, Pid target, std::uint64_t mask);
  /// Errors: -ENODATA (not raised), -EINVAL (no such source or code).
  long query_exception(Caller caller, Pid target, const ExceptionQuery& query, RuntimeInfo& info);
  /// Modes 0 (normal), 1 (halt), 3 (debug). Waves do not heed it here.
  long set_launch_mode(Caller caller, Pid target, std::uint32_t mode);
  /// Takes the new flags, gives the ones before.
  long set_flags(Caller caller, Pid target, std::uint32_t& flags);
  /// `gpu`: an index. Gives a free one of four watch points, or frees one; nothing triggers them.
  /// Errors: -ENODEV, -ENOMEM (none free), -EINVAL (not in use).
  long set_watch(Caller caller, Pid target, std::optional<std::uint32_t> gpu, std::uint32_t& id);
  long clear_watch(Caller caller, Pid target, std::optional<std::uint32_t> gpu, std::uint32_t id);
  /// What the driver checks before it looks at an operation's arguments: 0, -ESRCH, -EPERM,
  /// -EINVAL.
  [[nodiscard]] long check(Caller caller, Pid target, Gate gate) const;
  /// Indices of the GPUs that the process sees.
  [[nodiscard]] std::vector<std::uint32_t> visible(Pid pid) const;

  // ---- observation ----
  [[nodiscard]] const std::vector<DriverCall>& calls() const { return calls_; }
  [[nodiscard]] DriverAudit audit() const;
  [[nodiscard]] const GpuParameters& parameters(std::uint32_t gpu) const;
  [[nodiscard]] std::uint32_t gpus() const { return static_cast<std::uint32_t>(nodes_.size()); }
  /// Compute queues on the runlist of `gpu`, and processes: those of suspended queues too.
  [[nodiscard]] std::uint32_t active_queues(std::uint32_t gpu) const;
  [[nodiscard]] std::uint32_t processes(std::uint32_t gpu) const;
  /// Its queues on all GPUs, newest first; none of a process that is gone.
  [[nodiscard]] std::vector<ListedQueue> queues_of(Pid pid) const;
  /// Their ids, ascending.
  [[nodiscard]] std::vector<std::uint32_t> queue_ids(Pid pid) const;
  /// One of them; nullopt: there is none.
  [[nodiscard]] std::optional<ListedQueue> listed_queue(Pid pid, std::uint32_t id) const;
  /// The runlist that was submitted last for `gpu`, by hardware queues; empty while there is none:
  /// no queue is active, or the driver is between unmap and map.
  [[nodiscard]] Runlist runlist(std::uint32_t gpu) const;
  [[nodiscard]] bool is_resetting(std::uint32_t gpu) const;
  /// Where the ring of a queue is. Unlike an id it names no other queue later.
  [[nodiscard]] static constexpr std::uint64_t ring_base_of(std::uint64_t serial) {
    return serial << 21U;
  }
  /// How many evictions of the process on `gpu` have not been undone.
  [[nodiscard]] std::uint32_t evictions(Pid pid, std::uint32_t gpu) const;
  [[nodiscard]] Duration bystander(Pid pid) const;
  [[nodiscard]] const Personality& personality() const { return personality_; }

 private:
  struct Queue;
  struct Device;
  struct Process;
  struct Node;
  struct CallRecord;
  struct Request {
    ControlKind kind = ControlKind::kSuspend;
    Caller caller;
    Pid target;
    Duration grace{};
    long fault = 0;
  };
  /// What an ioctl does with its process locked; sets the result.
  using Body = std::function<Task(Process&, CallRecord&, long&)>;
  enum class Selective { kUnmap, kMap, kReset };

  [[nodiscard]] Process* find(Pid pid) const;
  [[nodiscard]] long find_watches(Caller caller, Pid target, std::optional<std::uint32_t> gpu,
                                  std::uint32_t*& watches);
  static void raise(Process& process, std::uint64_t& status, std::uint64_t exceptions);
  static void forget_session(Process& process);

  // the way into the driver
  Task enter(const Process* process, CallRecord& call);
  Task lock(Node& node, CallRecord& call);
  Task own_ioctl(Pid pid, std::optional<ControlKind> recorded_as, Body body, Reply reply);

  // one GPU's runlist; its dqm lock is held
  Task unmap(std::uint32_t gpu, Duration grace, Pid cause, CallRecord& call);
  Task unmap(UnmapRequest request, std::uint32_t gpu, CallRecord& call);
  Task map(std::uint32_t gpu, CallRecord& call);
  Task refresh(std::uint32_t gpu, Duration grace, Pid cause, CallRecord& call);
  /// The same, with the lock taken and released, for nobody's account.
  Task locked_refresh(std::uint32_t gpu, Pid cause, Duration grace);
  [[nodiscard]] Duration shortest_grace(std::uint32_t gpu) const;

  // failures
  [[nodiscard]] bool reset_stuck(std::uint32_t gpu, const std::vector<QueueIndex>& stuck);
  void begin_gpu_reset(std::uint32_t gpu);
  Task gpu_reset(std::uint32_t gpu);
  void lose(Process& process, std::uint32_t gpu);

  // processes and queues
  Task end(Process& process, bool exits);
  void forget_tracees(Pid tracer, bool of_first_thread);
  Task terminate(Process& process, std::uint32_t gpu);
  Task create(Process& process, NewQueue request, CallRecord& call, long& result);
  [[nodiscard]] long room_for(const Process& process, const NewQueue& request) const;
  [[nodiscard]] static ListedQueue describe(Pid pid, const Queue& queue);
  [[nodiscard]] std::uint32_t free_id(const Process& process) const;
  [[nodiscard]] static std::uint32_t free_doorbell(const Process& process, const NewQueue& request);
  Task destroy(Process& process, std::uint32_t id, CallRecord& call, long& result);
  struct Change {
    std::uint32_t id = 0;
    QueueUpdate update;
    std::vector<std::uint32_t> mask;  ///< of CUs, where neither of the others is given
  };
  Task change(Process& process, Change request, CallRecord& call, long& result);
  void apply(const Change& request, Queue& queue);
  void remove(Process& process, std::uint32_t id);
  Task select(Process& process, Selective what, std::vector<std::uint32_t>& ids, CallRecord& call,
              long& result);
  Task take_off(std::uint32_t gpu, std::vector<QueueIndex> queues, Selective what, Pid cause,
                CallRecord& call);
  Task put_back(std::uint32_t gpu, std::vector<QueueIndex> queues, Pid cause, CallRecord& call);
  [[nodiscard]] bool fits(std::uint32_t gpu) const;
  void start_selective(Pid pid, Selective what, std::vector<std::uint32_t> ids, IdsReply reply);

  // evictions
  Task evict_queues(Process& process);
  Task restore_queues(Process& process);
  Task evict_and_restore(Process& process, Eviction cause);
  Task evict_for_move(Process& process, Duration moving);
  Task restore_after(Process& process, Eviction cause, Duration delay);
  Task pause(Process& process, bool paused, CallRecord& call, long& result);

  // debug sessions
  Task do_enable(Caller caller, Pid target, EnableRequest request, Reply reply);
  Task open_session(Process& process, EnableRequest& request, long& result);
  Task activate(Process& process);
  Task deactivate(Process& process);
  Task start_runtime(Process& process, RuntimeInfo request, long& result);
  Task end_runtime(Process& process, long& result);
  Task await_debugger(Process& process, long& result);
  Task do_disable(Caller caller, Pid target, Reply reply);
  Task do_snapshot(Caller caller, Pid target, std::uint64_t clear, std::size_t capacity,
                   SnapshotReply reply);
  Task close_session(Process& process);
  Task resume_all(Process& process, std::uint32_t gpu);
  Task control(Request request, std::vector<std::uint32_t> ids, IdsReply reply);
  bool mark(Queue& queue, ControlKind kind);
  void set_suspended(Queue& queue, bool suspended);
  Task control_gpu(Process& process, std::uint32_t gpu, Duration grace,
                   std::vector<std::uint32_t>& ids, CallRecord& call);
  static void settle(Process& process, std::uint32_t gpu, const std::vector<std::uint32_t*>& named,
                     const CallRecord& call);
  Task copy_headers(Process& process, CallRecord& call);
  [[nodiscard]] bool stays_in_system_memory(Pid pid, std::uint32_t queue,
                                            const GpuParameters& gpu) const;

  Timeline& timeline_;
  Personality personality_;
  std::uint64_t seed_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<Pid, std::unique_ptr<Process>> processes_;
  std::vector<std::unique_ptr<Process>> replaced_;  ///< by an exec of theirs
  std::vector<DriverCall> calls_;
  std::function<void(Pid)> on_reset_;
  Duration longest_suspension_{};
  Duration longest_destroy_{};
  std::function<void(Pid)> on_queues_;
  std::uint64_t next_serial_ = 1;
  TaskScope tasks_;
};

}  // namespace gpreempt::sim
