#include "backends/sim/program_runner.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "backends/sim/gang.h"
#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/phase_clock.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/plan_pool.h"
#include "backends/sim/serving_engine.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::sim {

ProgramRunner::ProgramRunner(Timeline& timeline, Gpu& gpu, Pid pid, Program program)
    : timeline_(timeline),
      gpu_(gpu),
      pid_(pid),
      program_(std::move(program)),
      launcher_(timeline, gpu) {
  plans_.resize(program_.trains.size());
  if (program_.serving) {
    engine_ = std::make_unique<ServingEngine>(*program_.serving);
  }
}

ProgramRunner::~ProgramRunner() { stop(); }

void ProgramRunner::observe(HintSink* hints, WorkObserver* observer) {
  hints_ = hints;
  observer_ = observer;
}

void ProgramRunner::join(Gang& gang, std::uint32_t rank) {
  gang.join(rank, gpu_);
  gang_ = &gang;
  rank_ = rank;
  pool_ = &gang.plans();
}

std::shared_ptr<const TrainPlan> ProgramRunner::plan_of(std::uint32_t train) {
  std::shared_ptr<const TrainPlan>& plan = plans_[train];
  if (plan == nullptr) {
    plan = std::make_shared<const TrainPlan>(gpu_.parameters(), program_.trains[train]);
  }
  return plan;
}

void ProgramRunner::later(Instant when, std::function<void()> callback) {
  const auto id = std::make_shared<Timeline::EventId>(0);
  *id = timeline_.at(when, [this, id, run = std::move(callback)] {
    pending_.erase(*id);
    run();
  });
  pending_.insert(*id);
}

void ProgramRunner::start() {
  GPREEMPT_CHECK(!started_ && !queues_.empty());
  started_ = true;
  zero_ = timeline_.now();
  if (engine_ != nullptr) {
    GPREEMPT_CHECK(program_.serving.has_value());
    iterations_ = pool_->iterations(gpu_.parameters(), *program_.serving);
  }
  if (program_.endless) {
    KernelTrain all;
    for (const KernelTrain& train : program_.trains) {
      all.insert(all.end(), train.begin(), train.end());
    }
    launcher_.submit(queues_.front(),
                     {.plan = pool_->of(gpu_.parameters(), all), .tag = kEndless, .endless = true},
                     program_.run_ahead);
    if (observer_ != nullptr) {
      observer_->busy(pid_);
    }
  }
  if (program_.clients == 0) {
    requests_.reserve(program_.arrivals.size());
    await_arrival();
  }
  for (std::uint32_t client = 0; client < program_.clients; ++client) {
    think();
  }
}

void ProgramRunner::stop() {
  stopped_ = true;
  for (const Timeline::EventId event : pending_) {
    timeline_.cancel(event);
  }
  pending_.clear();
}

void ProgramRunner::retire_queue(QueueIndex queue) {
  if (std::erase(queues_, queue) > 0) {
    retired_.push_back(queue);
  }
}

void ProgramRunner::replace_program() {
  stop();
  started_ = true;
  retired_.insert(retired_.end(), queues_.begin(), queues_.end());
  queues_.clear();
}

void ProgramRunner::await_arrival() {
  if (next_arrival_ < program_.arrivals.size()) {
    const Arrival& next = program_.arrivals[next_arrival_++];
    later(zero_ + next.at, [this, &next] {
      arrive(next);
      await_arrival();
    });
  }
}

void ProgramRunner::think() {
  const Arrival& next = program_.arrivals[next_arrival_];
  next_arrival_ = (next_arrival_ + 1) % program_.arrivals.size();
  const Instant when = saturating_add(timeline_.now(), next.at);
  if (when < saturating_add(zero_, program_.issue_until)) {
    later(when, [this, &next] { arrive(next); });
  }
}

void ProgramRunner::arrive(const Arrival& arrival) {
  const std::size_t request = requests_.size();
  RequestRecord& record = requests_.emplace_back();
  record.request = request;
  record.arrival = timeline_.now();
  record.first_wave = kForever;
  record.end = kForever;
  record.phases = gpu_.phases().until(timeline_.now());
  hint(request, &HintSink::work_arrived);
  if (program_.preparation == Duration::zero()) {
    submit(request, arrival);
  } else {
    later(timeline_.now() + program_.preparation,
          [this, request, &arrival] { submit(request, arrival); });
  }
}

void ProgramRunner::submit(std::size_t request, const Arrival& arrival) {
  if (queues_.empty()) {
    return;  // there is nowhere to launch it: the request stays without an end
  }
  ++launched_;
  if (launched_ == 1 && !program_.endless && observer_ != nullptr) {
    observer_->busy(pid_);
  }
  if (engine_ != nullptr) {
    engine_->add(request, arrival.prompt_tokens, arrival.output_tokens);
    serve();
  } else {
    const std::size_t stream = gang_ == nullptr ? request % queues_.size() : 0;
    launcher_.submit(queues_[stream], {.plan = plan_of(arrival.train), .tag = request},
                     program_.run_ahead);
  }
}

void ProgramRunner::serve() {
  if (!engine_->running() && engine_->has_work() && !queues_.empty()) {
    launcher_.submit(queues_.front(),
                     {.plan = iterations_->of(engine_->begin()), .tag = kIteration},
                     program_.run_ahead);
  }
}

void ProgramRunner::end_iteration() {
  const ServingEngine::Outcome outcome = engine_->end();
  for (const std::size_t request : outcome.first_token) {
    requests_[request].first_token = timeline_.now();
    requests_[request].tokens = 1;
  }
  for (const std::size_t request : outcome.token) {
    ++requests_[request].tokens;
  }
  for (const std::size_t request : outcome.finished) {
    finish(request);
  }
  if (!stopped_) {
    serve();
  }
}

void ProgramRunner::hint(std::size_t request, void (HintSink::*tell)(Pid, std::uint64_t)) {
  if (!program_.hints) {
    return;
  }
  const auto now = [this, request, tell] {
    if (hints_ != nullptr) {
      (hints_->*tell)(pid_, request);
    }
  };
  if (program_.hint_delay == Duration::zero()) {
    now();
  } else {
    later(timeline_.now() + program_.hint_delay, now);
  }
}

void ProgramRunner::first_wave(std::uint64_t tag) {
  if (tag == kIteration) {
    for (const std::size_t request : engine_->prefilling()) {
      requests_[request].first_wave = timeline_.now();
    }
  } else if (tag != kEndless) {
    requests_[static_cast<std::size_t>(tag)].first_wave = timeline_.now();
  }
}

void ProgramRunner::job_done(std::uint64_t tag) {
  if (tag == kIteration) {
    end_iteration();
  } else {
    finish(static_cast<std::size_t>(tag));
  }
}

void ProgramRunner::finish(std::size_t request) {
  RequestRecord& record = requests_[request];
  record.end = timeline_.now();
  const PhaseTimes& times = gpu_.phases().until(timeline_.now());
  for (std::size_t i = 0; i < times.size(); ++i) {
    record.phases[i] = times[i] - record.phases[i];
  }
  ++completed_;
  --launched_;
  if (stopped_) {
    return;
  }
  hint(request, &HintSink::work_finished);
  if (launched_ == 0 && !program_.endless && observer_ != nullptr) {
    Instant empty = Instant::min();
    for (const QueueIndex queue : queues_) {
      empty = std::max(empty, gpu_.ring_empty_since(queue));
    }
    observer_->idle(pid_, empty);
  }
  if (program_.clients > 0) {
    think();
  }
}

ProgramProgress ProgramRunner::progress() const {
  ProgramProgress result{.tells_work = true, .tells_bystander = true};
  const auto add = [this, &result](QueueIndex queue) {
    const WaveDispatcher::Progress done = gpu_.waves().progress(queue);
    result.work += done.work;
    result.kernels += done.kernels;
    result.bystander += gpu_.bystander(queue);
  };
  std::ranges::for_each(queues_, add);
  std::ranges::for_each(retired_, add);
  result.requests_completed = completed_;
  if (gang_ != nullptr) {
    result.collective_wait = gang_->waited(rank_);
    result.aborted = gang_->timed_out();
  }
  return result;
}

}  // namespace gpreempt::sim
