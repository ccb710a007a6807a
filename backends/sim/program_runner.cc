#include "backends/sim/program_runner.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/phase_clock.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {

ProgramRunner::ProgramRunner(Timeline& timeline, Gpu& gpu, Pid pid, Program program)
    : timeline_(timeline), gpu_(gpu), pid_(pid), program_(std::move(program)) {}

ProgramRunner::~ProgramRunner() { timeline_.cancel(next_event_); }

void ProgramRunner::observe(HintSink* hints, WorkObserver* observer) {
  hints_ = hints;
  observer_ = observer;
}

std::shared_ptr<const TrainPlan> ProgramRunner::plan(const KernelTrain& train) const {
  return std::make_shared<const TrainPlan>(gpu_.parameters(), train);
}

void ProgramRunner::start() {
  GPREEMPT_CHECK(!started_ && !queues_.empty());
  started_ = true;
  zero_ = timeline_.now();
  requests_.reserve(program_.arrivals.size());
  if (program_.endless) {
    KernelTrain all;
    for (const KernelTrain& train : program_.trains) {
      all.insert(all.end(), train.begin(), train.end());
    }
    gpu_.waves().submit(queues_.front(), {.plan = plan(all), .tag = kEndless, .endless = true});
    if (observer_ != nullptr) {
      observer_->activity(pid_, true);
    }
  }
  schedule_next();
}

void ProgramRunner::stop() {
  stopped_ = true;
  timeline_.cancel(std::exchange(next_event_, 0));
}

void ProgramRunner::schedule_next() {
  if (requests_.size() < program_.arrivals.size()) {
    next_event_ = timeline_.at(zero_ + program_.arrivals[requests_.size()].at, [this] {
      next_event_ = 0;
      arrive();
    });
  }
}

void ProgramRunner::arrive() {
  const std::uint64_t tag = requests_.size();
  RequestRecord& record = requests_.emplace_back();
  record.request = tag;
  record.arrival = timeline_.now();
  record.first_wave = kForever;
  record.end = kForever;
  record.phases = gpu_.phases().until(timeline_.now());
  ++outstanding_;
  hint(tag, &HintSink::work_arrived);
  if (outstanding_ == 1 && !program_.endless && observer_ != nullptr) {
    observer_->activity(pid_, true);
  }
  const KernelTrain& train = program_.trains[program_.arrivals[tag].train];
  gpu_.waves().submit(queues_[tag % queues_.size()], {.plan = plan(train), .tag = tag});
  schedule_next();
}

void ProgramRunner::hint(std::uint64_t tag, void (HintSink::*tell)(Pid, std::uint64_t)) {
  if (!program_.hints) {
    return;
  }
  const auto now = [this, tag, tell] {
    if (hints_ != nullptr) {
      (hints_->*tell)(pid_, tag);
    }
  };
  if (program_.hint_delay == Duration::zero()) {
    now();
  } else {
    timeline_.after(program_.hint_delay, now);
  }
}

void ProgramRunner::first_wave(std::uint64_t tag) {
  if (tag != kEndless) {
    requests_[static_cast<std::size_t>(tag)].first_wave = timeline_.now();
  }
}

void ProgramRunner::job_done(std::uint64_t tag) {
  RequestRecord& record = requests_[static_cast<std::size_t>(tag)];
  record.end = timeline_.now();
  const PhaseTimes& times = gpu_.phases().until(timeline_.now());
  for (std::size_t i = 0; i < times.size(); ++i) {
    record.phases[i] = times[i] - record.phases[i];
  }
  ++completed_;
  --outstanding_;
  if (stopped_) {
    return;
  }
  hint(tag, &HintSink::work_finished);
  if (outstanding_ == 0 && !program_.endless && observer_ != nullptr) {
    observer_->activity(pid_, false);
  }
}

ProgramProgress ProgramRunner::progress() const {
  ProgramProgress result;
  for (const QueueIndex queue : queues_) {
    const WaveDispatcher::Progress done = gpu_.waves().progress(queue);
    result.work += done.work;
    result.kernels += done.kernels;
    result.bystander += gpu_.bystander(queue);
  }
  result.requests_completed = completed_;
  return result;
}

}  // namespace gpreempt::sim
