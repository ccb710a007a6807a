#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/timeline.h"
#include "core/time.h"

namespace gpreempt::sim {

using QueueIndex = std::uint32_t;

/// Runs kernels on the CUs of one GPU at workgroup granularity.
///
/// Each queue runs one kernel at a time. Its workgroups become resident as wave slots, VGPRs and
/// LDS allow and stay until they end: nothing evicts a wave but `freeze`. Kernels of several queues
/// share the GPU. When room appears, queues of a higher pipe priority place new workgroups first,
/// equals share it round-robin; resident ones are never touched. Resources are pools over the whole
/// GPU: fragmentation among CUs, and among XCCs, is not modelled.
///
/// A train that has the GPU to itself is not stepped through: its position is computed when
/// somebody asks, with the same result to the nanosecond (`Options::skip_ahead`).
class WaveDispatcher {
 public:
  struct Options {
    bool skip_ahead = true;
  };
  /// Told synchronously; must not call back into the dispatcher except `submit`.
  class Listener {
   public:
    Listener() = default;
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    virtual ~Listener() = default;
    virtual void first_wave(QueueIndex queue, std::uint64_t tag) = 0;
    virtual void job_done(QueueIndex queue, std::uint64_t tag) = 0;
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
  /// Appends a job to a queue; its doorbell is remembered while the queue is disabled.
  void submit(QueueIndex queue, Job job);
  [[nodiscard]] bool has_work(QueueIndex queue) const { return !queues_[queue].jobs.empty(); }

  /// Lets a queue place workgroups, saved ones first.
  void enable(QueueIndex queue);
  /// No queue places workgroups any more; resident ones go on.
  void disable_all();
  /// When the last resident workgroup ends if nothing more is placed; now if none is resident.
  [[nodiscard]] Instant drained_at();
  /// Takes every resident workgroup off with the time it has left. Returns the queues that had any,
  /// with the bytes of that state.
  struct Frozen {
    QueueIndex queue = 0;
    std::uint64_t bytes = 0;
  };
  std::vector<Frozen> freeze();
  [[nodiscard]] std::uint64_t saved_bytes(QueueIndex queue) const;
  [[nodiscard]] std::uint64_t saved_waves(QueueIndex queue) const;
  [[nodiscard]] Progress progress(QueueIndex queue) const;

 private:
  /// Workgroups of one kernel that end together.
  struct Cohort {
    std::uint32_t count = 0;
    Instant end;
    Timeline::EventId event = 0;
  };
  struct Saved {
    std::uint32_t count = 0;
    Duration left{};
  };
  struct Queue {
    std::uint32_t pipe_priority = 0;  ///< 0 low, 1 medium, 2 high
    bool enabled = false;
    std::deque<Job> jobs;  ///< the first one is under way
    bool started = false;  ///< the first job has placed a workgroup
    TrainPlan::Position at;
    std::uint32_t pending = 0;  ///< workgroups of the current kernel that were never placed
    std::uint32_t resident = 0;
    std::vector<Cohort> cohorts;
    std::vector<Saved> saved;
    Progress done;  ///< complete kernels

    [[nodiscard]] const TrainPlan& plan() const { return *jobs.front().plan; }
    [[nodiscard]] const TrainPlan::Run& run() const { return plan().run(at.run); }
    [[nodiscard]] bool waiting() const { return pending > 0 || !saved.empty(); }
  };
  struct Room {
    std::uint64_t waves = 0;
    std::uint64_t vgpr_bytes = 0;
    std::uint64_t lds_bytes = 0;
  };
  /// The one queue that has the GPU to itself.
  struct Alone {
    QueueIndex queue = 0;
    Instant since{};
    Duration elapsed{};  ///< of its train, at `since`
    Timeline::EventId end = 0;
  };

  void begin_job(Queue& queue);
  void begin_kernel(Queue& queue);
  void next_kernel(QueueIndex index);
  void finish_job(QueueIndex index);
  void ask_dispatch();
  void dispatch();
  void serve_class(std::uint32_t pipe_priority);
  void place(QueueIndex index, std::uint32_t limit);
  void add_cohort(QueueIndex index, std::uint32_t count, Duration length);
  void end_cohort(QueueIndex index, Instant end);
  [[nodiscard]] std::uint32_t fit(const Queue& queue) const;
  void take(const TrainPlan::Run& run, std::uint32_t count);
  void give_back(const TrainPlan::Run& run, std::uint32_t count);

  [[nodiscard]] std::optional<QueueIndex> only_queue() const;
  void start_alone(QueueIndex index);
  void end_alone(QueueIndex index);
  /// Makes the position of the queue that is alone explicit: its kernel, and the round under way.
  void stop_alone();
  /// Work of the current kernel, from time spent by its workgroups.
  [[nodiscard]] static Duration work_of(const TrainPlan::Run& run, Duration spent);
  [[nodiscard]] static Duration work_under_way(const Queue& queue, Instant now);

  Timeline& timeline_;
  GpuParameters gpu_;
  Listener& listener_;
  Options options_;
  std::vector<Queue> queues_;
  Room room_;
  std::optional<Alone> alone_;
  QueueIndex next_served_ = 0;  ///< first of equals; moves on whenever several contend
  Timeline::EventId dispatch_event_ = 0;
};

}  // namespace gpreempt::sim
