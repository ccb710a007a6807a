#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/train_plan.h"
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
  /// The process' queues turned busy or idle.
  virtual void activity(Pid pid, bool busy) = 0;
};

/// Runs one program as a process would: submits its trains to its queues when they arrive, and
/// keeps its records.
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
  /// `hints` and `observer` may be null; they must outlive the runner or be replaced.
  void observe(HintSink* hints, WorkObserver* observer);

  /// Arrivals count from now.
  void start();
  /// The process ends: no more arrivals.
  void stop();
  [[nodiscard]] ProgramProgress progress() const;

  // from the GPU
  void first_wave(std::uint64_t tag);
  void job_done(std::uint64_t tag);

 private:
  void schedule_next();
  void arrive();
  /// Tells the hint sink, after the hint's delay.
  void hint(std::uint64_t tag, void (HintSink::*tell)(Pid, std::uint64_t));
  [[nodiscard]] std::shared_ptr<const TrainPlan> plan(const KernelTrain& train) const;

  static constexpr std::uint64_t kEndless = ~std::uint64_t{0};

  Timeline& timeline_;
  Gpu& gpu_;
  Pid pid_;
  Program program_;
  std::vector<QueueIndex> queues_;
  std::vector<RequestRecord> requests_;
  HintSink* hints_ = nullptr;
  WorkObserver* observer_ = nullptr;
  Instant zero_;
  Timeline::EventId next_event_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t outstanding_ = 0;
  bool started_ = false;
  bool stopped_ = false;
};

}  // namespace gpreempt::sim
