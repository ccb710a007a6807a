// Goal: a program does on a GPU what it does in the simulator: the same requests at the same times,
// in order, with as many kernels ahead as it may have. Method: virtual time, a GPU of known speed.
#include "workloads/hip/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/program.h"
#include "core/time.h"
#include "tests/hip/fake_world.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/kernel_plan.h"
#include "workloads/hip/witness_math.h"

namespace gpreempt::hip {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::IsEmpty;
using testing::SizeIs;

/// A kernel takes 4 us and 10 ns an iteration.
constexpr Duration kFixed = microseconds(4);
constexpr Duration kPerIteration{10};
/// The fake GPU's clock: 10 ns a tick from the host's zero.
constexpr ClockFit kGpuClock{.origin_ticks = 0, .origin = Instant{}, .ns_per_tick = 10};
constexpr Instant kStart{seconds(1)};

KernelTrain train_of(std::uint32_t count, Duration each) {
  return {KernelRun{.count = count, .duration = each, .shape = {.workgroups = 8, .waves = 4}}};
}

struct World {
  FakeHost host;
  FakeGpu gpu{host, kFixed, kPerIteration};
  Program program;
  RunnerOptions options{.duration = seconds(1), .drain = seconds(1)};

  RunOutcome run() {
    std::vector<StreamId> streams;
    for (std::uint32_t i = 0; i < program.queues; ++i) {
      streams.push_back(gpu.add_stream(program.hardware_priority).value());
    }
    const KernelPlan plan =
        KernelPlan::make(program.trains, {}, gpu, host, streams.front()).value();
    gpu.submitted_to.clear();
    gpu.most_pending = 0;
    if (fault.enabled != 0) {
      // Calibration has used up some numbers of kernels.
      gpu.inject(streams.front(), fault);
    }
    Runner runner(program, plan, streams, kGpuClock, options);
    return runner.run(gpu, host, kStart).value();
  }
  WitnessFault fault;
};

Program requests_at(const std::vector<Duration>& times, Duration kernel) {
  Program program;
  program.trains = {train_of(10, kernel)};
  for (const Duration at : times) {
    program.arrivals.push_back({.at = at});
  }
  return program;
}

TEST(Runner, StampsRequestsThatWaitForEachOther) {
  World world;
  // 10 kernels of 100 us are 1 ms; the second request comes while the first one runs.
  world.program =
      requests_at({milliseconds(10), milliseconds(10) + microseconds(500)}, microseconds(100));
  const auto records = records_of(world.run(), kGpuClock);
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records.at(0).arrival, kStart + milliseconds(10));
  const auto near = [](Instant got, Instant expected) {
    return got >= expected && got - expected <= microseconds(20);
  };
  EXPECT_TRUE(near(records.at(0).first_wave, kStart + milliseconds(10)));
  EXPECT_TRUE(near(records.at(0).end, kStart + milliseconds(11)));
  EXPECT_TRUE(near(records.at(1).first_wave, kStart + milliseconds(11)));
  EXPECT_TRUE(near(records.at(1).end, kStart + milliseconds(12)));
}

TEST(Runner, LaunchesAfterThePreparationAndCountsFromTheArrival) {
  World world;
  world.program = requests_at({milliseconds(10)}, microseconds(100));
  world.program.preparation = milliseconds(3);
  const auto records = records_of(world.run(), kGpuClock);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records.front().arrival, kStart + milliseconds(10));
  EXPECT_GE(records.front().first_wave, kStart + milliseconds(13));
  EXPECT_LE(records.front().first_wave, kStart + milliseconds(13) + microseconds(20));
}

TEST(Runner, GivesRequestsToItsStreamsInTurn) {
  World world;
  world.program = requests_at({milliseconds(1), milliseconds(2), milliseconds(3), milliseconds(4)},
                              microseconds(500));
  world.program.queues = 3;
  world.program.hardware_priority = 11;
  (void)world.run();
  EXPECT_EQ(world.gpu.submitted_to, (std::vector<StreamId>{0, 1, 2, 0}));
  EXPECT_EQ(world.gpu.priorities, (std::vector<std::uint32_t>{11, 11, 11}));
}

TEST(Runner, AClosedLoopThinksBetweenAnAnswerAndTheNextRequest) {
  World world;
  world.program = requests_at({milliseconds(9)}, microseconds(100));  // the think time
  world.program.clients = 1;
  const RunOutcome outcome = world.run();
  // A cycle is 9 ms of thinking and 1 ms of kernels: 100 in a second, less what noticing takes.
  EXPECT_GE(outcome.requests.size(), 98U);
  EXPECT_LE(outcome.requests.size(), 100U);
  const auto records = records_of(outcome, kGpuClock);
  for (std::size_t i = 1; i < records.size(); ++i) {
    EXPECT_GE(records.at(i).arrival - records.at(i - 1).end, milliseconds(9));
    EXPECT_LE(records.at(i).arrival - records.at(i - 1).end, milliseconds(9) + microseconds(50));
  }
}

TEST(Runner, TellsASchedulerOfEachRequestAndItsEnd) {
  World world;
  world.program = requests_at({milliseconds(1), milliseconds(5)}, microseconds(100));
  (void)world.run();
  ASSERT_THAT(world.host.hints, SizeIs(4));
  EXPECT_FALSE(world.host.hints.at(0).finished);
  EXPECT_EQ(world.host.hints.at(0).at, kStart + milliseconds(1));
  EXPECT_TRUE(world.host.hints.at(1).finished);
  EXPECT_EQ(world.host.hints.at(3).request, 1U);
}

Program endless_program(std::uint32_t run_ahead) {
  Program program;
  program.offline = true;
  program.endless = true;
  program.run_ahead = run_ahead;
  program.trains = {train_of(20, microseconds(100))};
  return program;
}

TEST(Runner, AnEndlessTrainerKeepsTheGpuBusy) {
  World world;
  world.program = endless_program(0);
  const RunOutcome outcome = world.run();
  // A second of kernels of 100 us, and what was ahead at its end.
  EXPECT_GE(outcome.kernels, 9980U);
  EXPECT_LE(outcome.kernels, 10'040U);
  EXPECT_EQ(outcome.work, outcome.kernels * Duration(microseconds(100)));
  EXPECT_EQ(world.gpu.most_pending, 2U);
  EXPECT_GT(outcome.progress.size(), 100U);
  EXPECT_GT(world.host.work_told, milliseconds(900));
}

// `gpreempt run --backend kfd` starts it for a week and stops it.
TEST(Runner, TellsOfItsWorkAllTheTimeHoweverLongItIsToRun) {
  World world;
  world.program = endless_program(0);
  world.options.duration = std::chrono::hours(168);
  world.host.stop_at = kStart + milliseconds(100);
  const RunOutcome outcome = world.run();
  EXPECT_TRUE(outcome.stopped);
  EXPECT_GT(world.host.work_told, milliseconds(90));
  EXPECT_LE(outcome.progress.size(), 1U);
}

TEST(Runner, ATrainerIsNoMoreKernelsAheadThanItMay) {
  World world;
  world.program = endless_program(4);
  const RunOutcome outcome = world.run();
  EXPECT_GE(outcome.kernels, 9900U);
  EXPECT_LE(world.gpu.most_pending, 2U);  // stretches of two kernels
}

TEST(Runner, AnEndlessKernelsRoundsAreItsWork) {
  World world;
  world.program = endless_program(0);
  world.options.endlessly = Endlessly::kEndless;
  const RunOutcome outcome = world.run();
  // A round is five times the (100 - 4) us of iterations that a kernel has: 2,083 in a second.
  EXPECT_NEAR(static_cast<double>(outcome.kernels), 2083, 2);
  EXPECT_EQ(outcome.work, outcome.kernels * Duration(microseconds(480)));
  EXPECT_FALSE(outcome.unfinished);
}

TEST(Runner, APersistentKernelGetsRoundsAsItDoesThem) {
  World world;
  world.program = endless_program(0);
  world.options.endlessly = Endlessly::kPersistent;
  EXPECT_NEAR(static_cast<double>(world.run().kernels), 2083, 20);
}

TEST(Runner, StopsWhenAskedToAndKeepsItsRecords) {
  World world;
  world.program = requests_at({milliseconds(1), milliseconds(900)}, microseconds(100));
  world.host.stop_at = kStart + milliseconds(500);
  const RunOutcome outcome = world.run();
  EXPECT_TRUE(outcome.stopped);
  EXPECT_THAT(outcome.requests, SizeIs(1));
  EXPECT_LE(world.host.now(), kStart + milliseconds(501));
}

TEST(Runner, WhatDoesNotEndWithinTheDrainHasNoEnd) {
  World world;
  world.program = requests_at({milliseconds(990)}, seconds(1));  // 10 s of kernels
  const RunOutcome outcome = world.run();
  EXPECT_TRUE(outcome.unfinished);
  EXPECT_EQ(records_of(outcome, kGpuClock).front().end, kForever);
}

TEST(Runner, ReportsWhatALaneHasLost) {
  World world;
  world.program = endless_program(0);
  world.fault = {.enabled = 1, .kernel = 5000, .thread = 70, .index = 2, .flip = 8};
  const RunOutcome outcome = world.run();
  ASSERT_THAT(outcome.losses, SizeIs(1));
  EXPECT_EQ(outcome.losses.front().wave, 1U);
  EXPECT_EQ(outcome.losses.front().lane, 6U);
  EXPECT_EQ(outcome.losses.front().record.kernel, 5000U);
  EXPECT_EQ(outcome.losses_found, 1U);
}

TEST(Runner, HasTheHostCheckOneTrainInSoMany) {
  World world;
  world.program = endless_program(0);
  world.options.audit_every = 10;
  const RunOutcome outcome = world.run();
  EXPECT_NEAR(static_cast<double>(outcome.audits), static_cast<double>(outcome.kernels) / 200, 1);
  EXPECT_THAT(outcome.losses, IsEmpty());
}

TEST(Runner, RunsTheHeartbeatInEverySecondStretch) {
  World world;
  world.program = requests_at({milliseconds(1)}, microseconds(100));
  world.options.heartbeat = milliseconds(100);
  const RunOutcome outcome = world.run();
  ASSERT_THAT(outcome.windows, SizeIs(5));
  EXPECT_NEAR(static_cast<double>(to_ns(outcome.windows.at(1).from - kStart)), 300e6, 1e5);
  EXPECT_NEAR(static_cast<double>(to_ns(outcome.windows.at(1).to - kStart)), 400e6, 1e5);
}

TEST(Runner, AProgramThatIsToTellOfBystanderTimeHasAHeartbeatAllTheTime) {
  World world;
  world.program = endless_program(0);
  world.program.heartbeat = true;
  world.gpu.absences = {{kStart + milliseconds(200), kStart + milliseconds(201)},
                        {kStart + milliseconds(600), kStart + milliseconds(603)}};
  const RunOutcome outcome = world.run();
  ASSERT_THAT(outcome.windows, SizeIs(1));
  EXPECT_LE(outcome.windows.front().from - kStart, milliseconds(1));
  // It has said that it was never off before it was, so that who listens knows that it tells.
  ASSERT_GT(world.host.off_told.size(), 900U);
  EXPECT_EQ(world.host.off_told.front(), Duration{});
  // 1 ms and 3 ms, each less a beat's period of 2 us.
  EXPECT_NEAR(static_cast<double>(to_ns(world.host.off_told.back())), 4e6 - 4e3, 100);
}

TEST(Runner, WithoutAHeartbeatNothingIsSaidOfBystanderTime) {
  World world;
  world.program = endless_program(0);
  (void)world.run();
  EXPECT_THAT(world.host.off_told, IsEmpty());
}

TEST(KernelPlan, AKernelOfAnHourIsNotRunToCalibrateIt) {
  FakeHost host;
  FakeGpu gpu(host, kFixed, kPerIteration);
  const StreamId stream = gpu.add_stream(7).value();
  const Instant before = host.now();
  const KernelTrain train = train_of(1, std::chrono::hours(1));
  const auto plan = KernelPlan::make({train, train}, {}, gpu, host, stream);
  ASSERT_TRUE(plan.has_value()) << plan.error().what;
  EXPECT_LT(host.now() - before, seconds(1));
  // (3600 s - 4 us) / 10 ns
  constexpr double kIterations = 3600e9 / 10 - 400;
  EXPECT_NEAR(static_cast<double>(plan->batches(0).front().kernel.iterations), kIterations,
              1e-4 * kIterations);
  EXPECT_EQ(plan->work_of(0), Duration(std::chrono::hours(1)));
  EXPECT_EQ(plan->batches(1).front().kernel.iterations, plan->batches(0).front().kernel.iterations);
  EXPECT_THAT(plan->made(), SizeIs(1));
}

}  // namespace
}  // namespace gpreempt::hip
