#include "workloads/hip/runner.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ratio>
#include <span>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/heartbeat_log.h"
#include "workloads/hip/host.h"
#include "workloads/hip/kernel_plan.h"
#include "workloads/hip/witness.h"
#include "workloads/hip/witness_math.h"

namespace gpreempt::hip {
namespace {

/// How late the end of a train may be noticed. Its stamps are exact; what waits for it is not.
constexpr Duration kPollPeriod = std::chrono::microseconds(50);
constexpr Duration kClosedLoopPollPeriod = std::chrono::microseconds(5);
constexpr int kMostSamples = 1000;
/// How often the controller is told of work, however long the run is: it looks at it after calls.
constexpr Duration kHintPeriod = std::chrono::milliseconds(1);
constexpr std::size_t kMostInFlight = 256;  ///< a stream remembers more
constexpr std::size_t kMostLosses = 4096;
constexpr Duration kLeastRound = std::chrono::microseconds(500);

}  // namespace

std::vector<RequestRecord> records_of(const RunOutcome& outcome, const ClockFit& clock) {
  std::vector<RequestRecord> records;
  records.reserve(outcome.requests.size());
  for (const StampedRequest& stamped : outcome.requests) {
    const auto instant = [&](const std::optional<std::uint64_t>& ticks) {
      return ticks ? clock.at(*ticks) : kForever;
    };
    records.push_back({.request = stamped.request,
                       .arrival = stamped.arrival,
                       .first_wave = instant(stamped.first_ticks),
                       .end = instant(stamped.last_ticks)});
  }
  return records;
}

Runner::Runner(const Program& program, const KernelPlan& plan, std::vector<StreamId> streams,
               const ClockFit& clock, const RunnerOptions& options)
    : program_(program),
      plan_(plan),
      streams_(std::move(streams)),
      clock_(clock),
      options_(options),
      submissions_(streams_.size()),
      losses_seen_(streams_.size()) {
  GPREEMPT_CHECK(!streams_.empty());
}

void Runner::expect(std::size_t from, Instant arrival) {
  due_.push({.launch = arrival + program_.preparation, .arrival = arrival, .from = from});
}

void Runner::expect_arrivals(Instant start) {
  if (program_.clients == 0) {
    for (std::size_t i = 0; i < program_.arrivals.size(); ++i) {
      expect(i, start + program_.arrivals.at(i).at);
    }
    return;
  }
  for (std::uint32_t client = 0; client < program_.clients; ++client) {
    const std::size_t from = issued_++ % program_.arrivals.size();
    expect(from, start + program_.arrivals.at(from).at);
  }
}

bool Runner::issues(Instant now) const {
  return !outcome_.stopped && now < start_ + options_.duration;
}

bool Runner::is_done(Instant now) const {
  if (now >= start_ + options_.duration + options_.drain) {
    return true;
  }
  const bool idle = flights_.empty() && due_.empty() && !endless_runs_;
  return idle && (outcome_.stopped || now >= start_ + options_.duration);
}

Result<RunOutcome> Runner::run(Gpu& gpu, Host& host, Instant start) {
  start_ = start;
  last_sample_ = start;
  last_hint_ = start;
  expect_arrivals(start);
  host.wait_until(start);
  const Duration period = program_.clients > 0 ? kClosedLoopPollPeriod : kPollPeriod;
  for (Instant now = host.now(); !is_done(now); now = host.now()) {
    if (host.stop_requested()) {
      outcome_.stopped = true;
      break;
    }
    GPREEMPT_TRY(beat(gpu, host));
    GPREEMPT_TRY(launch_due(gpu, host));
    GPREEMPT_TRY(poll(gpu, host));
    GPREEMPT_TRY(keep_busy(gpu, host));
    Instant next = now + period;
    if (!due_.empty() && due_.top().launch > now) {
      next = std::min(next, due_.top().launch);
    }
    host.wait_until(next);
  }
  GPREEMPT_TRY(end_beat(gpu, host));
  GPREEMPT_TRY(end_endless(gpu, host));
  outcome_.unfinished = !flights_.empty() || endless_runs_;
  std::ranges::sort(outcome_.requests, {}, [](const StampedRequest& request) {
    return std::pair(request.arrival, request.request);
  });
  return std::move(outcome_);
}

// ---- requests ----------------------------------------------------------------------------------

Result<void> Runner::launch_due(Gpu& gpu, Host& host) {
  while (!due_.empty() && due_.top().launch <= host.now() && flights_.size() < kMostInFlight) {
    const Due due = due_.top();
    due_.pop();
    if (program_.clients > 0 && due.arrival >= start_ + options_.duration) {
      continue;  // its client stops
    }
    GPREEMPT_TRY(launch(gpu, host, due));
  }
  return {};
}

bool Runner::audits_next(std::size_t stream) {
  const std::uint64_t number = submissions_.at(stream)++;
  return options_.audit_every > 0 && number % options_.audit_every == 0;
}

Result<void> Runner::launch(Gpu& gpu, Host& host, const Due& due) {
  const std::uint64_t request = program_.clients > 0 ? outcome_.requests.size() : due.from;
  host.hint_arrived(request, due.arrival);
  const std::uint32_t train = program_.arrivals.at(due.from).train;
  const std::vector<KernelBatch>& kernels = plan_.batches(train);
  std::uint64_t count = 0;
  for (const KernelBatch& batch : kernels) {
    count += batch.count;
  }
  const std::size_t stream = next_stream_++ % streams_.size();
  Ticket ticket = 0;
  GPREEMPT_TRY(store(ticket, gpu.submit(streams_.at(stream), kernels, audits_next(stream))));
  flights_.push_back({.ticket = ticket,
                      .stream = stream,
                      .request = outcome_.requests.size(),
                      .work = plan_.work_of(train),
                      .kernels = count});
  outcome_.requests.push_back({.request = request, .arrival = due.arrival});
  return {};
}

Result<void> Runner::poll(Gpu& gpu, Host& host) {
  for (auto flight = flights_.begin(); flight != flights_.end();) {
    std::optional<Finish> finish;
    GPREEMPT_TRY(store(finish, gpu.poll(flight->ticket)));
    if (!finish) {
      ++flight;
      continue;
    }
    const Flight landed = *flight;
    flight = flights_.erase(flight);
    GPREEMPT_TRY(land(gpu, host, landed, *std::move(finish)));
  }
  return {};
}

Result<void> Runner::land(Gpu& gpu, Host& host, const Flight& flight, Finish finish) {
  GPREEMPT_TRY(judge(gpu, flight, finish));
  note_work(host, flight.work, flight.kernels);
  if (!flight.request) {
    ahead_ -= flight.kernels;
    return {};
  }
  StampedRequest& request = outcome_.requests.at(*flight.request);
  request.first_ticks = finish.first_ticks;
  request.last_ticks = finish.last_ticks;
  host.hint_finished(request.request, clock_.at(finish.last_ticks), clock_.at(finish.first_ticks));
  const Instant now = host.now();
  if (program_.clients > 0 && issues(now)) {
    const std::size_t from = issued_++ % program_.arrivals.size();
    expect(from, now + program_.arrivals.at(from).at);
  }
  return {};
}

Result<void> Runner::judge(Gpu& gpu, const Flight& flight, const Finish& finish) {
  const auto note = [&](const Loss& loss) {
    if (outcome_.losses.size() < kMostLosses) {
      outcome_.losses.push_back(loss);
    }
  };
  if (finish.audit) {
    ++outcome_.audits;
    for (const Loss& loss : losses_of(*finish.audit)) {
      note(loss);
    }
  }
  std::uint32_t& seen = losses_seen_.at(flight.stream);
  if (finish.losses == seen) {
    return {};
  }
  outcome_.losses_found += finish.losses - seen;
  seen = finish.losses;
  std::vector<LossRecord> records;
  GPREEMPT_TRY(store(records, gpu.take_losses(streams_.at(flight.stream))));
  for (const LossRecord& record : records) {
    note(loss_of(record, gpu.facts().wave));
  }
  return {};
}

void Runner::note_work(Host& host, Duration work, std::uint64_t kernels) {
  outcome_.work += work;
  outcome_.kernels += kernels;
  const Instant now = host.now();
  if (now - last_sample_ >= options_.duration / kMostSamples) {
    last_sample_ = now;
    outcome_.progress.push_back({.at = now, .work = outcome_.work});
  }
  if (program_.offline && now - last_hint_ >= kHintPeriod) {
    last_hint_ = now;
    host.hint_work(outcome_.work, outcome_.kernels);
  }
}

// ---- work without an end -----------------------------------------------------------------------

/// A train whole, or in pieces of half of what may be ahead.
void Runner::cut_next_train() {
  const auto trains = static_cast<std::uint32_t>(program_.trains.size());
  const std::uint32_t train = next_train_++ % trains;
  const KernelTrain& runs = program_.trains.at(train);
  const std::uint32_t most =
      program_.run_ahead == 0 ? UINT32_MAX : std::max(program_.run_ahead / 2, 1U);
  Stretch stretch;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    KernelBatch batch = plan_.batches(train).at(i);
    for (std::uint32_t left = batch.count; left > 0; left -= batch.count) {
      batch.count = std::min(left, most - static_cast<std::uint32_t>(stretch.count));
      stretch.kernels.push_back(batch);
      stretch.work += batch.count * plan_.kernel_work(train, i);
      stretch.count += batch.count;
      if (stretch.count == most) {
        stretches_.push_back(std::exchange(stretch, {}));
      }
    }
  }
  if (stretch.count > 0) {
    stretches_.push_back(std::move(stretch));
  }
}

Runner::Stretch Runner::next_stretch() {
  if (stretches_.empty()) {
    cut_next_train();
  }
  Stretch next = std::move(stretches_.front());
  stretches_.pop_front();
  return next;
}

Result<void> Runner::keep_busy(Gpu& gpu, Host& host) {
  if (!program_.endless || !issues(host.now())) {
    return {};
  }
  if (options_.endlessly != Endlessly::kTrains) {
    return keep_endless(gpu, host);
  }
  while (true) {
    // A train is a whole one that runs, and one more that is there when it ends.
    const bool room =
        program_.run_ahead == 0 ? flights_.size() < 2 : ahead_ < std::max(program_.run_ahead, 2U);
    if (!room) {
      return {};
    }
    const Stretch stretch = next_stretch();
    Ticket ticket = 0;
    GPREEMPT_TRY(store(ticket, gpu.submit(streams_.front(), stretch.kernels, audits_next(0))));
    flights_.push_back(
        {.ticket = ticket, .stream = 0, .work = stretch.work, .kernels = stretch.count});
    ahead_ += stretch.count;
  }
}

/// A round is the iterations of the first kernel of the first train, as often as makes it long
/// beside what a block asks the host at its end. It stands for what they take: no launch is in it.
Result<void> Runner::start_endless(Gpu& gpu, bool persistent) {
  round_ = plan_.batches(0).front().kernel;
  const auto shape = std::ranges::find(plan_.shapes(), round_.shape, &CalibratedShape::shape);
  GPREEMPT_CHECK(shape != plan_.shapes().end());
  const auto lasts = [&] {
    return std::chrono::round<Duration>(std::chrono::duration<double, std::nano>(
        static_cast<double>(round_.iterations) * shape->cost.ns_per_iteration));
  };
  const std::int64_t times = kLeastRound / std::max(lasts(), Duration(1));
  round_.iterations *= static_cast<std::uint64_t>(std::max<std::int64_t>(times, 1));
  round_work_ = lasts();
  GPREEMPT_TRY(gpu.start_endless(streams_.front(), round_, persistent));
  endless_runs_ = true;
  return {};
}

Result<void> Runner::keep_endless(Gpu& gpu, Host& host) {
  constexpr std::uint64_t kRoundsAhead = 2;
  const bool persistent = options_.endlessly == Endlessly::kPersistent;
  if (!endless_runs_) {
    GPREEMPT_TRY(start_endless(gpu, persistent));
  }
  const std::uint64_t rounds = gpu.endless_progress().iterations /
                               (round_.iterations * std::max(round_.shape.workgroups, 1U));
  if (persistent && rounds + kRoundsAhead > granted_) {
    gpu.grant(rounds + kRoundsAhead - granted_);
    granted_ = rounds + kRoundsAhead;
  }
  if (rounds > rounds_) {
    note_work(host, static_cast<std::int64_t>(rounds - rounds_) * round_work_, rounds - rounds_);
    rounds_ = rounds;
  }
  return {};
}

Result<void> Runner::end_endless(Gpu& gpu, Host& host) {
  if (!endless_runs_) {
    return {};
  }
  gpu.stop_endless();
  const Instant deadline = host.now() + options_.drain;
  while (host.now() < deadline) {
    std::optional<Finish> finish;
    GPREEMPT_TRY(store(finish, gpu.endless_result()));
    if (finish) {
      endless_runs_ = false;
      return judge(gpu, {}, *finish);
    }
    host.wait_until(host.now() + kPollPeriod);
  }
  return {};
}

// ---- heartbeat ---------------------------------------------------------------------------------

Result<void> Runner::beat(Gpu& gpu, Host& host) {
  if (!program_.heartbeat && options_.heartbeat == Duration::zero()) {
    return {};
  }
  const Instant now = host.now();
  const bool has_turn = program_.heartbeat || ((now - start_) / options_.heartbeat) % 2 == 1;
  const bool wanted = has_turn && issues(now);
  if (wanted == beats_since_.has_value()) {
    tell_bystander(gpu, host, now);
    return {};
  }
  if (!wanted) {
    return end_beat(gpu, host);
  }
  const auto ticks = static_cast<double>(to_ns(options_.heartbeat_threshold)) / clock_.ns_per_tick;
  GPREEMPT_TRY(gpu.start_heartbeat(static_cast<std::uint64_t>(ticks)));
  beats_since_ = now;
  return {};
}

void Runner::tell_bystander(Gpu& gpu, Host& host, Instant now) {
  if (!program_.heartbeat || !beats_since_ || now - last_bystander_hint_ < kHintPeriod) {
    return;
  }
  last_bystander_hint_ = now;
  bystander_.add(gpu.heartbeat_so_far(bystander_.gaps()), clock_);
  host.hint_bystander(bystander_.total());
}

Result<void> Runner::end_beat(Gpu& gpu, Host& host) {
  if (!beats_since_) {
    return {};
  }
  HeartbeatLog log;
  outcome_.windows.push_back({.from = *beats_since_, .to = host.now()});
  GPREEMPT_TRY(store(log, gpu.stop_heartbeat()));
  outcome_.heartbeats.push_back(std::move(log));
  beats_since_ = std::nullopt;
  return {};
}

}  // namespace gpreempt::hip
