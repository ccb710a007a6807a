// Goal: a process issues its work as its program says. Method: one process alone on a GPU where
// nothing costs time but kernels, so that every instant has a closed form.
#include "backends/sim/program_runner.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

KernelTrain whole_gpu(Duration duration) {
  return {{.count = 1, .duration = duration, .shape = small_workgroups(kFull)}};
}

/// The records of a program that runs alone until `end`.
std::vector<RequestRecord> alone(Program program, Duration end) {
  PlainTimeline timeline;
  System system(timeline, free_system());
  const Pid pid = system.launch(std::move(program)).value();
  system.start();
  timeline.run_until(Instant{} + end);
  return system.requests(pid);
}

Program closed_loop(std::uint32_t clients, Duration service, Duration think) {
  Program program{.name = "loop"};
  program.clients = clients;
  program.trains = {whole_gpu(service)};
  program.arrivals = {{.at = think, .train = 0}};
  return program;
}

TEST(ClosedLoop, OfOneClientIssuesEveryServicePlusThinkTime) {
  constexpr Duration kService = milliseconds(7);
  constexpr Duration kThink = milliseconds(3);
  const auto requests = alone(closed_loop(1, kService, kThink), seconds(1));
  ASSERT_EQ(requests.size(), 100U);  // thinking first: at 3, 13, ... 993 ms
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Instant arrival = Instant{} + kThink + static_cast<std::int64_t>(i) * (kService + kThink);
    EXPECT_EQ(requests[i].request, i);
    EXPECT_EQ(requests[i].arrival, arrival);
    EXPECT_EQ(requests[i].first_wave, arrival);
    EXPECT_EQ(requests[i].end, arrival + kService);
  }
}

TEST(ClosedLoop, WithoutThinkTimeKeepsTheGpuBusy) {
  const auto requests = alone(closed_loop(3, milliseconds(10), Duration::zero()), seconds(1));
  // Each of three waits for the two before it.
  for (std::size_t i = 3; i < 100; ++i) {
    EXPECT_EQ(requests[i].end - requests[i].arrival, milliseconds(30)) << i;
    EXPECT_EQ(requests[i].end, Instant{} + static_cast<std::int64_t>(i + 1) * milliseconds(10));
  }
}

TEST(ClosedLoop, ObeysLittlesLaw) {
  constexpr std::uint32_t kClients = 4;
  constexpr Duration kThink = milliseconds(5);
  const auto requests = alone(closed_loop(kClients, milliseconds(3), kThink), seconds(10));
  Duration in_cycle{};
  std::size_t complete = 0;
  for (const RequestRecord& request : requests) {
    if (request.end != kForever) {
      in_cycle += kThink + (request.end - request.arrival);
      ++complete;
    }
  }
  // Clients = throughput x (response + think), up to the cycles under way at the end.
  EXPECT_NEAR(std::chrono::duration<double>(in_cycle).count() / 10, kClients, 0.01);
  // 4 x 3 ms of work in a cycle of at least 8 ms: the GPU is the bottleneck.
  EXPECT_NEAR(static_cast<double>(complete), 10'000.0 / 3, 3);
}

TEST(ClosedLoop, TakesItsRequestsInTurnAndBeginsAnew) {
  Program program = closed_loop(1, milliseconds(1), Duration::zero());
  program.trains.push_back(whole_gpu(milliseconds(4)));
  program.arrivals.push_back({.at = Duration::zero(), .train = 1});
  const auto requests = alone(std::move(program), milliseconds(20));
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(requests[i].end - requests[i].arrival, milliseconds(i % 2 == 0 ? 1 : 4)) << i;
  }
}

TEST(ClosedLoop, IssuesNothingAtItsEndOrLater) {
  Program program = closed_loop(1, milliseconds(7), milliseconds(3));
  program.issue_until = milliseconds(13);  // the second request's instant
  EXPECT_EQ(alone(std::move(program), seconds(1)).size(), 1U);
}

/// When the application tells of its requests.
class Hints final : public HintSink {
 public:
  explicit Hints(Timeline& timeline) : timeline_(timeline) {}
  void work_arrived(Pid /*pid*/, std::uint64_t /*request*/) override {
    arrived.push_back(timeline_.now());
  }
  void work_finished(Pid /*pid*/, std::uint64_t /*request*/) override {
    finished.push_back(timeline_.now());
  }
  std::vector<Instant> arrived;
  std::vector<Instant> finished;

 private:
  Timeline& timeline_;
};

/// When a process' rings turn busy and idle.
class Edges final : public WorkObserver {
 public:
  explicit Edges(Timeline& timeline) : timeline_(timeline) {}
  void busy(Pid /*pid*/) override { busy_ = timeline_.now(); }
  void idle(Pid /*pid*/, Instant /*ring_empty*/) override { idle_ = timeline_.now(); }
  Instant busy_ = kForever;
  Instant idle_ = kForever;

 private:
  Timeline& timeline_;
};

TEST(Preparation, PutsTheLaunchButNotTheHintOff) {
  PlainTimeline timeline;
  System system(timeline, free_system());
  Hints hints(timeline);
  Edges edges(timeline);
  system.observe(&hints, &edges);
  Program program{.name = "prepared"};
  program.hints = true;
  program.preparation = microseconds(200);
  program.trains = {whole_gpu(milliseconds(2))};
  program.arrivals = {{.at = milliseconds(1), .train = 0}};
  const Pid pid = system.launch(std::move(program)).value();
  system.start();
  timeline.run_until(Instant{} + milliseconds(10));
  const RequestRecord& request = system.requests(pid).at(0);
  EXPECT_EQ(hints.arrived, std::vector<Instant>{Instant{} + milliseconds(1)});
  EXPECT_EQ(edges.busy_, Instant{} + microseconds(1200));
  EXPECT_EQ(request.first_wave, Instant{} + microseconds(1200));
  EXPECT_EQ(request.end, Instant{} + microseconds(3200));
  EXPECT_EQ(edges.idle_, request.end);
  EXPECT_EQ(hints.finished, std::vector<Instant>{request.end});
}

TEST(Preparation, OfAProcessThatEndedLaunchesNothing) {
  PlainTimeline timeline;
  System system(timeline, free_system());
  Program program{.name = "ended"};
  program.preparation = milliseconds(5);
  program.trains = {whole_gpu(milliseconds(2))};
  program.arrivals = {{.at = milliseconds(1), .train = 0}};
  const Pid pid = system.launch(std::move(program)).value();
  system.start();
  timeline.run_until(Instant{} + milliseconds(2));
  system.exit(pid);
  timeline.run_until(Instant{} + seconds(1));
  EXPECT_EQ(system.requests(pid).at(0).end, kForever);
}

// ---- serving -----------------------------------------------------------------------------------

/// Prefill 1 ms + 10 us a token; decode 20 ms + 1 ms a request.
Serving engine(std::uint32_t max_batch, std::uint32_t max_prefill_tokens) {
  Serving serving;
  serving.max_batch = max_batch;
  serving.max_prefill_tokens = max_prefill_tokens;
  serving.prefill.points = {{.size = 100, .time = milliseconds(2)},
                            {.size = 1100, .time = milliseconds(12)}};
  serving.decode.points = {{.size = 1, .time = milliseconds(21)},
                           {.size = 2, .time = milliseconds(22)}};
  serving.kernels = 300;
  serving.shape = small_workgroups(kFull);
  return serving;
}

Program served(const Serving& serving, std::vector<Arrival> arrivals) {
  Program program{.name = "llm"};
  program.serving = serving;
  program.arrivals = std::move(arrivals);
  return program;
}

Arrival prompt(Duration at, std::uint32_t prompt_tokens, std::uint32_t output_tokens) {
  return {.at = at, .prompt_tokens = prompt_tokens, .output_tokens = output_tokens};
}

TEST(Serving, OfOneRequestTakesItsPrefillAndADecodeForEachFurtherToken) {
  const auto requests =
      alone(served(engine(8, 4096), {prompt(milliseconds(5), 600, 11)}), seconds(1));
  const RequestRecord& request = requests.at(0);
  EXPECT_EQ(request.first_wave, request.arrival);
  EXPECT_EQ(request.first_token - request.arrival, milliseconds(7));
  EXPECT_EQ(request.end - request.first_token, 10 * milliseconds(21));
  EXPECT_EQ(request.tokens, 11U);
}

TEST(Serving, OfOneTokenEndsWithItsPrefill) {
  const auto requests = alone(served(engine(8, 4096), {prompt(Duration(0), 100, 1)}), seconds(1));
  EXPECT_EQ(requests.at(0).first_token, Instant{} + milliseconds(2));
  EXPECT_EQ(requests.at(0).end, Instant{} + milliseconds(2));
}

TEST(Serving, PrefillsTheSecondRequestBeforeItDecodesBoth) {
  // The first arrival starts an iteration at once; the second waits for its end.
  const auto requests =
      alone(served(engine(8, 4096), {prompt(Duration(0), 100, 6), prompt(Duration(0), 100, 6)}),
            seconds(1));
  EXPECT_EQ(requests.at(0).first_token, Instant{} + milliseconds(2));
  EXPECT_EQ(requests.at(1).first_token, Instant{} + milliseconds(4));
  for (const RequestRecord& request : requests) {
    EXPECT_EQ(request.end, Instant{} + milliseconds(4) + 5 * milliseconds(22));
  }
}

TEST(Serving, DecodesABatchInTheTimeOfItsSize) {
  std::vector<Arrival> arrivals;
  constexpr std::uint32_t kBatch = 6;
  for (std::uint32_t i = 0; i < kBatch; ++i) {
    arrivals.push_back(prompt(Duration(0), 100, 11));
  }
  const auto requests = alone(served(engine(kBatch, 4096), arrivals), seconds(1));
  // One alone, then five together: 500 tokens are 6 ms.
  EXPECT_EQ(requests.at(5).first_token, Instant{} + milliseconds(2 + 6));
  EXPECT_EQ(requests.at(5).end - requests.at(5).first_token, 10 * milliseconds(20 + kBatch));
}

TEST(Serving, PrefillsNoMoreTokensTogetherThanItMayAndAtLeastOneRequest) {
  const auto requests =
      alone(served(engine(8, 1000), {prompt(Duration(0), 1100, 1), prompt(Duration(0), 600, 1),
                                     prompt(Duration(0), 400, 1), prompt(Duration(0), 100, 1)}),
            seconds(1));
  EXPECT_EQ(requests.at(0).end, Instant{} + milliseconds(12));
  EXPECT_EQ(requests.at(1).end, Instant{} + milliseconds(12 + 11));  // 600 and 400 together
  EXPECT_EQ(requests.at(2).end, Instant{} + milliseconds(12 + 11));
  EXPECT_EQ(requests.at(3).end, Instant{} + milliseconds(12 + 11 + 2));
}

TEST(Serving, AdmitsNoMoreThanItsBatchHolds) {
  const auto requests =
      alone(served(engine(1, 4096), {prompt(Duration(0), 100, 3), prompt(Duration(0), 100, 2)}),
            seconds(1));
  EXPECT_EQ(requests.at(0).end, Instant{} + milliseconds(2 + 2 * 21));
  EXPECT_EQ(requests.at(1).first_wave, requests.at(0).end);
  EXPECT_EQ(requests.at(1).end, requests.at(0).end + milliseconds(2 + 21));
}

TEST(Serving, LetsANewRequestInAtTheEndOfAnIteration) {
  const auto requests = alone(
      served(engine(8, 4096), {prompt(Duration(0), 100, 3), prompt(milliseconds(10), 100, 2)}),
      seconds(1));
  // The first one's decode from 2 to 23 ms; prefill to 25; both decode to 47.
  EXPECT_EQ(requests.at(1).first_wave, Instant{} + milliseconds(23));
  EXPECT_EQ(requests.at(1).first_token, Instant{} + milliseconds(25));
  EXPECT_EQ(requests.at(0).end, Instant{} + milliseconds(47));
  EXPECT_EQ(requests.at(1).end, Instant{} + milliseconds(47));
}

TEST(Serving, AdmitsNobodyBetweenTheDecodeStepsThatBelongTogether) {
  Serving serving = engine(8, 4096);
  serving.decode_steps = 4;
  const auto requests = alone(
      served(serving, {prompt(Duration(0), 100, 9), prompt(milliseconds(10), 100, 2)}), seconds(1));
  // The first one's four steps of 21 ms from 2 ms on, then the prefill.
  EXPECT_EQ(requests.at(1).first_token, Instant{} + milliseconds(2 + 4 * 21 + 2));
  EXPECT_EQ(requests.at(1).end, requests.at(1).first_token + milliseconds(22));
}

TEST(Serving, OfAClosedLoopObeysLittlesLaw) {
  constexpr std::uint32_t kClients = 5;
  Program program = served(engine(3, 4096), {prompt(Duration(0), 100, 9)});
  program.clients = kClients;
  const auto requests = alone(std::move(program), seconds(100));
  Duration in_system{};
  for (const RequestRecord& request : requests) {
    in_system +=
        (request.end == kForever ? Instant{} + seconds(100) : request.end) - request.arrival;
  }
  EXPECT_EQ(in_system, kClients * Duration(seconds(100)));
}

TEST(Serving, IsBusyFromItsFirstRequestToItsLast) {
  PlainTimeline timeline;
  System system(timeline, free_system());
  Edges edges(timeline);
  system.observe(nullptr, &edges);
  const Pid pid = system
                      .launch(served(engine(8, 4096), {prompt(milliseconds(1), 100, 2),
                                                       prompt(milliseconds(2), 100, 2)}))
                      .value();
  system.start();
  timeline.run_until(Instant{} + seconds(1));
  EXPECT_EQ(edges.busy_, Instant{} + milliseconds(1));
  EXPECT_EQ(edges.idle_, system.requests(pid).at(1).end);
  EXPECT_EQ(system.progress(pid).requests_completed, 2U);
}

}  // namespace
}  // namespace gpreempt::sim
