#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "backends/sim/gang.h"
#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/host_launcher.h"
#include "backends/sim/plan_pool.h"
#include "backends/sim/serving_engine.h"
#include "backends/sim/timeline.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {

/// Told of a process' work by its runner: the application's own word, and what its rings show.
class WorkObserver {
 public:
  WorkObserver() = default;
  WorkObserver(const WorkObserver&) = delete;
  WorkObserver& operator=(const WorkObserver&) = delete;
  virtual ~WorkObserver() = default;
  /// The process' queues have work.
  virtual void busy(Pid pid) = 0;
  /// They have completed all of it. From `ring_empty` on their read indices were their write
  /// indices, which may be earlier (`GpuParameters::read_index_early`).
  virtual void idle(Pid pid, Instant ring_empty) = 0;
};

/// Runs one program on one GPU as a process would: submits its trains to its queues when they
/// arrive, or runs the iterations of its serving engine, and keeps its records.
class ProgramRunner {
 public:
  ProgramRunner(Timeline& timeline, Gpu& gpu, Pid pid, Program program);
  ProgramRunner(const ProgramRunner&) = delete;
  ProgramRunner& operator=(const ProgramRunner&) = delete;
  ~ProgramRunner();

  [[nodiscard]] const Program& program() const { return program_; }
  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] const std::vector<RequestRecord>& requests() const { return requests_; }
  [[nodiscard]] const std::vector<QueueIndex>& queues() const { return queues_; }
  void add_queue(QueueIndex queue) { queues_.push_back(queue); }
  /// Nothing more is submitted to it; what it has done still counts.
  void retire_queue(QueueIndex queue);
  /// The process executes a program that has no work.
  void replace_program();
  /// `hints` and `observer` may be null; they must outlive the runner or be replaced.
  void observe(HintSink* hints, WorkObserver* observer);

  /// It is this rank of a gang, which outlives it. To be called before `start`.
  void join(Gang& gang, std::uint32_t rank);

  /// Arrivals count from now.
  void start();
  /// The process ends: no more arrivals.
  void stop();
  [[nodiscard]] ProgramProgress progress() const;

  /// What holds its launches back.
  [[nodiscard]] HostLauncher& launcher() { return launcher_; }

  // from the GPU
  void kernel_done(QueueIndex queue) { launcher_.kernel_done(queue); }
  void meeting(QueueIndex queue, bool on) { gang_->meeting(rank_, queue, on); }
  void went_alone(QueueIndex queue) { gang_->went_alone(rank_, queue); }
  void lock_broken() { gang_->lock_broken(rank_); }
  void first_wave(std::uint64_t tag);
  void job_done(std::uint64_t tag);

 private:
  /// Calls `callback` later, unless the process has ended by then.
  void later(Instant when, std::function<void()> callback);
  /// Open loop: waits for the next arrival.
  void await_arrival();
  /// Closed loop: a client thinks, then issues its next request.
  void think();
  void arrive(const Arrival& arrival);
  void submit(std::size_t request, const Arrival& arrival);
  void serve();
  void end_iteration();
  void finish(std::size_t request);
  /// Tells the hint sink, after the hint's delay.
  void hint(std::size_t request, void (HintSink::*tell)(Pid, std::uint64_t));
  [[nodiscard]] std::shared_ptr<const TrainPlan> plan_of(std::uint32_t train);

  static constexpr std::uint64_t kEndless = ~std::uint64_t{0};
  static constexpr std::uint64_t kIteration = kEndless - 1;

  Timeline& timeline_;
  Gpu& gpu_;
  Pid pid_;
  Program program_;
  HostLauncher launcher_;
  std::vector<QueueIndex> queues_;
  std::vector<QueueIndex> retired_;                      ///< queues it had
  std::vector<std::shared_ptr<const TrainPlan>> plans_;  ///< by train, made when first needed
  std::unique_ptr<ServingEngine> engine_;                ///< of a serving program
  PlanPool own_plans_;
  PlanPool* pool_ = &own_plans_;                ///< a gang's, if it is a rank of one
  std::shared_ptr<IterationPlans> iterations_;  ///< of `engine_`, from the start
  std::vector<RequestRecord> requests_;
  Gang* gang_ = nullptr;
  std::uint32_t rank_ = 0;  ///< in `gang_`
  HintSink* hints_ = nullptr;
  WorkObserver* observer_ = nullptr;
  Instant zero_;
  std::set<Timeline::EventId> pending_;
  std::size_t next_arrival_ = 0;  ///< into the program's arrivals
  std::uint64_t completed_ = 0;
  std::uint64_t launched_ = 0;  ///< requests whose kernels are on the queues
  bool started_ = false;
  bool stopped_ = false;
};

}  // namespace gpreempt::sim
