#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backends/sim/gpu/cu_pool.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/timeline.h"
#include "core/time.h"

namespace gpreempt::sim {

using QueueIndex = std::uint32_t;

/// Runs kernels on the CUs of one GPU at workgroup granularity.
///
/// Each queue runs one kernel at a time. A kernel's workgroups are dealt to the XCCs in turn,
/// whatever their load; on its XCC a workgroup becomes resident on a CU where wave slots, VGPRs and
/// LDS allow, and stays until it ends: nothing evicts a wave but `freeze` and `drop`. Kernels of
/// several queues share the GPU.
///
/// Arbitration, on each XCC by itself: queues of a higher pipe priority place new workgroups first;
/// equals take turns, four workgroups for each CU a turn; a queue whose next workgroup fits nowhere
/// on that XCC lets the others go on. Resident ones are never touched. (How the hardware arbitrates
/// between pipes is not public; see docs/model.md.) Beside another queue's residents a workgroup
/// takes longer by `GpuParameters::interference`.
///
/// A collective kernel of a gang stays on its CUs until `end_meeting`: its owner is told when all
/// of its workgroups are on the GPU, and when they no longer are.
///
/// A train that has the GPU to itself is not stepped through: its position is computed when
/// somebody asks, with the same result to the nanosecond (`Options::skip_ahead`).
class WaveDispatcher {
 public:
  struct Options {
    bool skip_ahead = true;
  };
  /// Told synchronously; must not call back into the dispatcher except `submit` and `set_gate`.
  class Listener {
   public:
    Listener() = default;
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    virtual ~Listener() = default;
    virtual void first_wave(QueueIndex queue, std::uint64_t tag) = 0;
    virtual void job_done(QueueIndex queue, std::uint64_t tag) = 0;
    /// Only of queues with a gate.
    virtual void kernel_done(QueueIndex /*queue*/) {}
    /// The queue's collective kernel is on its GPU as a whole, or no longer.
    virtual void meeting(QueueIndex /*queue*/, bool /*on*/) {}
    /// A queue whose train has collectives has the GPU to itself from now on.
    virtual void went_alone(QueueIndex /*queue*/) {}
    /// It no longer has, and was `lock`ed.
    virtual void lock_broken(QueueIndex /*queue*/) {}
  };
  struct Job {
    std::shared_ptr<const TrainPlan> plan;
    std::uint64_t tag = 0;
    bool endless = false;  ///< starts over at its end
  };
  struct Progress {
    Duration work{};  ///< kernel time done, as it would take on an idle GPU
    std::uint64_t kernels = 0;
  };

  WaveDispatcher(Timeline& timeline, const GpuParameters& gpu, Listener& listener, Options options);
  WaveDispatcher(const WaveDispatcher&) = delete;
  WaveDispatcher& operator=(const WaveDispatcher&) = delete;
  ~WaveDispatcher();

  /// Adds a queue, disabled and empty. `priority` is KFD's 0..15.
  QueueIndex add_queue(std::uint32_t priority);
  /// Drops a queue with its work, wherever that is.
  void remove_queue(QueueIndex queue);
  [[nodiscard]] std::uint32_t queues() const { return static_cast<std::uint32_t>(queues_.size()); }
  /// From now on for new workgroups; resident ones stay.
  void set_priority(QueueIndex queue, std::uint32_t priority);
  void set_cu_mask(QueueIndex queue, const CuSets& allowed);

  /// Appends a job to a queue; its doorbell is remembered while the queue is disabled.
  void submit(QueueIndex queue, Job job);
  [[nodiscard]] bool has_work(QueueIndex queue) const { return !queues_[queue].jobs.empty(); }

  /// At most so many kernels of the queue, counted from its creation, may begin; nullopt: all. What
  /// a host has launched, or what a guard in front of each kernel lets pass.
  void set_gate(QueueIndex queue, std::optional<std::uint64_t> kernels);
  /// Kernels that have placed a workgroup, counted the same way. The read index of a ring whose
  /// packets are consumed early; `progress().kernels` is that of one that advances at completion.
  [[nodiscard]] std::uint64_t kernels_begun(QueueIndex queue) const;
  /// When the last kernel began of a queue that has no work left; the epoch if it had none ever.
  [[nodiscard]] Instant last_begun(QueueIndex queue) const { return queues_[queue].begun_at; }

  // ---- gangs: several dispatchers at once ----
  /// How long the queue's collective takes once every rank is at it; it must be at one.
  [[nodiscard]] Duration meeting_time(QueueIndex queue) const {
    return queues_[queue].run().kernel;
  }
  /// Every rank has been at the queue's collective for long enough.
  void end_meeting(QueueIndex queue);
  /// A train under way alone.
  struct Solo {
    const TrainPlan* plan = nullptr;
    Instant since{};
    Duration elapsed{};  ///< of the train, at `since`
    bool endless = false;
  };
  /// nullopt: the queue does not have the GPU to itself.
  [[nodiscard]] std::optional<Solo> solo(QueueIndex queue) const;
  /// All ranks run the same train alone and in step, so that no collective waits: from now on they
  /// are passed without stopping, until something happens on this GPU (`lock_broken`), on another
  /// rank's (`unlock`), or the train ends (`end_locked`).
  void lock(QueueIndex queue);
  void unlock(QueueIndex queue);
  void end_locked(QueueIndex queue) { end_alone(queue); }

  /// Lets a queue place workgroups, saved ones first.
  void enable(QueueIndex queue);
  /// The queues place no workgroups any more; resident ones go on.
  void disable(std::span<const QueueIndex> queues);
  /// When the last resident workgroup of the queues ends if nothing more is placed; now if none is.
  [[nodiscard]] Instant drained_at(std::span<const QueueIndex> queues);

  struct Frozen {
    QueueIndex queue = 0;
    std::uint64_t bytes = 0;
    std::uint32_t waves = 0;
  };
  struct Freeze {
    std::vector<Frozen> queues;   ///< those that had resident workgroups
    std::uint64_t xcc_bytes = 0;  ///< on the XCC with most
    std::uint64_t cu_bytes = 0;   ///< on the CU with most
  };
  /// Stops every resident workgroup of the queues with the time it has left. Their room is taken
  /// until `vacate`.
  Freeze freeze(std::span<const QueueIndex> queues);
  /// Frees the room of what was frozen: its state is in memory, or lost.
  void vacate(std::span<const QueueIndex> queues);
  /// Kills the queue's workgroups, resident or saved; its kernel will start over.
  void drop(QueueIndex queue);
  /// Takes the queue's work away, done or not: nobody is told of its jobs.
  void abandon(QueueIndex queue);
  [[nodiscard]] std::uint64_t saved_bytes(QueueIndex queue) const;
  /// Adds what the queue has saved, by XCC.
  struct SavedByXcc {
    PerXcc waves{};
    std::array<std::uint64_t, kMaxXccs> bytes{};
  };
  void add_saved(QueueIndex queue, SavedByXcc& sum) const;
  [[nodiscard]] Progress progress(QueueIndex queue) const;
  /// Waves of the queue on the GPU. Only between `disable` and the next `enable` of any queue.
  [[nodiscard]] std::uint32_t resident_waves(QueueIndex queue) const;
  /// Workgroups resident on a CU, over all queues. For tests of placement.
  [[nodiscard]] std::uint32_t resident_on(std::uint32_t cu) const;
  /// Whether the next workgroup of the queue on `xcc` waits though it fits there.
  [[nodiscard]] bool could_place(QueueIndex queue, std::uint32_t xcc) const;

 private:
  /// Workgroups of one kernel that end together.
  struct Cohort {
    Instant end;
    Duration length{};  ///< from its placing, or what that was when it was saved
    Timeline::EventId event = 0;
    std::uint32_t total = 0;
    Placement on;
  };
  struct Saved {
    PerXcc counts{};
    Duration left{};
    Duration length{};
  };
  struct Queue {
    std::uint32_t pipe_priority = 0;  ///< 0 low, 1 medium, 2 high
    bool enabled = false;
    CuSets allowed{};
    std::optional<std::uint64_t> gate;
    std::deque<Job> jobs;  ///< the first one is under way
    bool started = false;  ///< the first job has placed a workgroup
    bool begun = false;    ///< its current kernel passed the gate
    bool placed = false;   ///< and has placed a workgroup
    bool meeting = false;  ///< it is a collective, and all of it is on the GPU
    TrainPlan::Position at;
    PerXcc pending{};           ///< workgroups of the current kernel that were never placed
    std::uint32_t waiting = 0;  ///< pending and saved, over all XCCs
    std::uint32_t resident = 0;
    std::vector<Cohort> cohorts;
    std::vector<Cohort> leaving;  ///< frozen, and still on their CUs
    Footprint leaving_footprint;
    std::vector<Saved> saved;
    Progress done;       ///< complete kernels
    Instant begun_at{};  ///< a kernel placed its first workgroup last

    [[nodiscard]] const TrainPlan& plan() const { return *jobs.front().plan; }
    [[nodiscard]] const TrainPlan::Run& run() const { return plan().run(at.run); }
    [[nodiscard]] bool fresh() const {  ///< its kernel has begun and placed nothing
      return begun && resident == 0 && saved.empty() && waiting == run().shape.workgroups;
    }
  };
  /// The one queue that has the GPU to itself.
  struct Alone {
    QueueIndex queue = 0;
    Instant since{};
    Duration elapsed{};  ///< of its train, at `since`
    Duration until{};    ///< how far it gets; beyond the train's length in a later lap
    bool locked = false;
    Timeline::EventId end = 0;
  };

  void begin_job(QueueIndex index);
  void begin_kernel(QueueIndex index);
  void next_kernel(QueueIndex index);
  void finish_job(QueueIndex index);
  void ask_dispatch();
  void dispatch();
  void gather_contenders(std::uint32_t pipe_priority);
  void serve(std::uint32_t xcc);
  std::uint32_t place(QueueIndex index, std::uint32_t xcc, std::uint32_t limit);
  std::uint32_t put(QueueIndex index, std::uint32_t xcc, std::uint32_t count, Duration left,
                    Duration length);
  [[nodiscard]] Duration length_now(const Queue& queue) const;
  void end_cohort(QueueIndex index);
  void recycle(Cohort&& cohort);
  void release_cohorts(Queue& queue);
  void vacate(Queue& queue);

  // skip ahead
  [[nodiscard]] std::optional<QueueIndex> only_queue() const;
  void start_alone(QueueIndex index);
  void end_alone(QueueIndex index);
  void schedule_end();
  /// Counts what the queue that ran alone has done, up to the beginning of the kernel at
  /// `position`, where it is from now on. Returns how far into that kernel it is.
  Duration move_to(const Alone& alone, Duration position);
  void update_meeting(QueueIndex index);
  /// Makes the position of the queue that ran alone explicit.
  void stop_alone();

  [[nodiscard]] static Duration done_of(const TrainPlan::Run& run, Duration left, Duration length);
  [[nodiscard]] static Duration work_of(const TrainPlan::Run& run, Duration spent);
  [[nodiscard]] Duration work_under_way(const Queue& queue) const;
  [[nodiscard]] Duration work_of_round(const TrainPlan::Run& run, Duration offset) const;

  Timeline& timeline_;
  GpuParameters gpu_;
  Listener& listener_;
  Options options_;
  CuPool pool_;
  std::vector<Queue> queues_;
  std::vector<QueueIndex> busy_;        ///< queues with jobs, in rising order
  std::vector<QueueIndex> contenders_;  ///< scratch of `dispatch`
  std::vector<QueueIndex> in_turn_;     ///< scratch of `serve`
  std::vector<Cohort> spare_cohorts_;
  std::optional<Alone> alone_;
  Timeline::EventId dispatch_event_ = 0;
  QueueIndex next_served_ = 0;
  std::uint64_t resident_ = 0;  ///< workgroups of all queues
  std::uint64_t leaving_ = 0;   ///< the same of those frozen and not vacated
};

}  // namespace gpreempt::sim
