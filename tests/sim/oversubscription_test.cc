// Goal: a runlist that does not fit takes turns as the driver's rules say, and one that fits does
// not. Expected: P = ceil(processes / VMIDs) groups of processes share the time equally, and within
// a group its ceil(queues / slots) turns do; a queue waits at most (G - 1)(Q + c) for its next turn
// of G if one group has them all.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/runlist.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/task.h"
#include "backends/sim/timeline.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// When each queue's first workgroup of its job was placed.
class FirstWaves final : public WaveDispatcher::Listener {
 public:
  explicit FirstWaves(Timeline& timeline) : timeline_(timeline) {}
  void first_wave(QueueIndex queue, std::uint64_t /*tag*/) override {
    if (at.size() <= queue) {
      at.resize(queue + 1, kForever);
    }
    at[queue] = timeline_.now();
  }
  void job_done(QueueIndex /*queue*/, std::uint64_t /*tag*/) override {}
  std::vector<Instant> at;

 private:
  Timeline& timeline_;
};

class OversubscriptionTest : public testing::Test {
 protected:
  /// `processes` with `queues` each; every queue runs for ever on an eighth of the CU places unless
  /// it is beyond `busy`.
  void map(std::uint32_t processes, std::uint32_t queues, std::uint32_t busy = UINT32_MAX,
           bool cooperative = false) {
    device = std::make_unique<Gpu>(timeline, gpu, first, WaveDispatcher::Options{});
    Runlist list;
    for (std::uint32_t p = 0; p < processes; ++p) {
      RunlistProcess& process = list.emplace_back();
      process.process = static_cast<std::int32_t>(p);
      for (std::uint32_t q = 0; q < queues; ++q) {
        const QueueIndex index = device->add_queue({.process = process.process,
                                                    .priority = 7,
                                                    .compute = true,
                                                    .cooperative = cooperative});
        process.queues.push_back(index);
        all.push_back(index);
        if (index < busy) {
          device->waves().submit(index, {.plan = plan, .tag = 0, .endless = true});
        }
      }
    }
    device->map(list);
  }
  [[nodiscard]] Duration work(QueueIndex queue) const {
    return device->waves().progress(queue).work;
  }
  void run(Duration duration) { timeline.run_until(Instant{} + duration); }

  GpuParameters gpu = free_gpu();
  PlainTimeline timeline;
  FirstWaves first{timeline};
  std::shared_ptr<const TrainPlan> plan = std::make_shared<const TrainPlan>(
      gpu, KernelTrain{{.count = 1, .duration = microseconds(50), .shape = small_workgroups(16)}});
  std::unique_ptr<Gpu> device;
  std::vector<QueueIndex> all;
};

TEST_F(OversubscriptionTest, TwentyFourQueuesOfTwoProcessesAllRunAtOnce) {
  map(2, 12);
  run(milliseconds(100));
  EXPECT_EQ(device->groups(), 1U);
  for (const QueueIndex queue : all) {
    EXPECT_EQ(work(queue), milliseconds(100));
  }
}

TEST_F(OversubscriptionTest, TwentyFifthQueueHalvesEverybodysShare) {
  map(1, 25);
  run(milliseconds(1000));
  EXPECT_EQ(device->groups(), 2U);
  for (const QueueIndex queue : all) {
    EXPECT_NEAR(static_cast<double>(to_ns(work(queue))), 500e6, 2e6);
  }
}

TEST_F(OversubscriptionTest, FourteenthProcessHalvesEverybodysShareByTheProcessQuantum) {
  map(14, 1);
  run(milliseconds(1000));
  EXPECT_EQ(device->groups(), 2U);
  for (const QueueIndex queue : all) {
    EXPECT_NEAR(static_cast<double>(to_ns(work(queue))), 500e6, 12e6);
  }
  // The first group ran 10 ms before the other one began.
  EXPECT_EQ(first.at[0], Instant{});
  EXPECT_EQ(first.at[13], Instant{} + milliseconds(10));
}

TEST_F(OversubscriptionTest, QueuesOfAProcessGroupShareTheGroupsTimeAmongThemselves) {
  map(14, 2);  // 13 processes with 26 queues, which take two turns, and one with its two
  run(milliseconds(2000));
  EXPECT_EQ(device->groups(), 3U);
  for (QueueIndex queue = 0; queue < 26; ++queue) {
    EXPECT_NEAR(static_cast<double>(to_ns(work(all[queue]))), 2000e6 / 2 / 2, 12e6) << queue;
  }
  for (QueueIndex queue = 26; queue < 28; ++queue) {
    EXPECT_NEAR(static_cast<double>(to_ns(work(all[queue]))), 2000e6 / 2, 12e6) << queue;
  }
}

TEST_F(OversubscriptionTest, EachOfGTurnsWaitsForTheOthersQuantaAndSwitches) {
  gpu.t_map = microseconds(20);
  gpu.t_map_queue = microseconds(1);
  map(1, 72);
  run(milliseconds(10));
  ASSERT_EQ(device->groups(), 3U);
  const Duration switching = microseconds(20 + 24);
  EXPECT_EQ(first.at[0] - Instant{}, switching);
  // Worst wait from one turn to the next: (G - 1)(Q + c), and its own switch.
  EXPECT_EQ(first.at[48] - Instant{}, 2 * (milliseconds(1) + switching) + switching);
}

TEST_F(OversubscriptionTest, IdleQueuesTakeTurnsAsBusyOnesDo) {
  map(1, 48, 24);  // the first 24 busy, the others idle: turns are taken blindly
  run(milliseconds(1000));
  EXPECT_EQ(device->groups(), 2U);
  EXPECT_NEAR(static_cast<double>(to_ns(work(all.front()))), 500e6, 2e6);
}

TEST_F(OversubscriptionTest, IdleQueuesThatFitCostTheBusyOnesNothing) {
  map(1, 24, 1);
  run(milliseconds(100));
  EXPECT_EQ(device->groups(), 1U);
  EXPECT_EQ(work(all.front()), milliseconds(100));
}

TEST_F(OversubscriptionTest, TwoCooperativeQueuesTakeTurns) {
  map(2, 1, UINT32_MAX, true);
  run(milliseconds(100));
  EXPECT_EQ(device->groups(), 2U);
  EXPECT_NEAR(static_cast<double>(to_ns(work(all[0]))), 50e6, 2e6);
  EXPECT_NEAR(static_cast<double>(to_ns(work(all[1]))), 50e6, 2e6);
}

TEST_F(OversubscriptionTest, ProcessWithAllQueuesOffStillHoldsItsVmid) {
  device = std::make_unique<Gpu>(timeline, gpu, first, WaveDispatcher::Options{});
  Runlist list(14);
  for (std::int32_t p = 0; p < 14; ++p) {
    list[static_cast<std::size_t>(p)].process = p;
  }
  const QueueIndex only = device->add_queue({.process = 0});
  list.front().queues = {only};
  device->waves().submit(only, {.plan = plan, .tag = 0, .endless = true});
  device->map(list);
  run(milliseconds(1000));
  EXPECT_EQ(device->groups(), 2U);
  EXPECT_NEAR(static_cast<double>(to_ns(work(only))), 500e6, 12e6);
}

TEST_F(OversubscriptionTest, SdmaQueuesTakeNoComputeSlot) {
  device = std::make_unique<Gpu>(timeline, gpu, first, WaveDispatcher::Options{});
  Runlist list(1);
  for (std::uint32_t i = 0; i < 24 + 6; ++i) {
    list.front().queues.push_back(
        device->add_queue({.process = 0, .priority = 7, .compute = i < 24}));
  }
  device->map(list);
  EXPECT_EQ(device->groups(), 1U);
}

Task unmap_queues(Gpu& gpu, std::vector<QueueIndex> only, bool drop, UnmapReport& report) {
  UnmapRequest request{.grace = {}, .cause = 0, .only = std::move(only), .drop = drop};
  co_await gpu.unmap(std::move(request), report);
}

class FailureTest : public OversubscriptionTest {
 protected:
  /// Of all queues unless some are named.
  void unmap(UnmapReport& report, std::vector<QueueIndex> only = {}, bool drop = false) {
    tasks.start(unmap_queues(*device, std::move(only), drop, report));
  }
  TaskScope tasks;
};

TEST_F(FailureTest, StuckQueueKeepsTheFirmwareUntilItGivesUp) {
  map(1, 2);
  run(milliseconds(1));
  device->hang(all[1]);
  UnmapReport report;
  unmap(report);
  run(milliseconds(4000));
  EXPECT_TRUE(report.stuck == std::vector<QueueIndex>{all[1]});
  EXPECT_FALSE(report.timed_out);
  run(milliseconds(4002));
  EXPECT_EQ(report.unmap, std::chrono::seconds(4));
  EXPECT_EQ(work(all[0]), milliseconds(1));  // the other one was saved at once
}

TEST_F(FailureTest, DeadFirmwareEndsAtTheFencesTimeOut) {
  map(1, 2);
  run(milliseconds(1));
  device->hang_firmware();
  UnmapReport report;
  unmap(report);
  run(milliseconds(8999));
  EXPECT_FALSE(report.timed_out);
  run(milliseconds(9002));
  EXPECT_TRUE(report.timed_out);
  device->reset();
  EXPECT_FALSE(device->waves().has_work(all[0]));
  EXPECT_FALSE(device->is_mapped(all[0]));
}

TEST_F(FailureTest, ResetQueueLosesItsWorkAndObeysAgain) {
  map(1, 2);
  run(milliseconds(1));
  device->hang(all[1]);
  device->reset_queue(all[1]);
  EXPECT_FALSE(device->waves().has_work(all[1]));
  UnmapReport report;
  unmap(report);
  run(milliseconds(2));
  EXPECT_TRUE(report.stuck.empty());
  EXPECT_EQ(work(all[0]), milliseconds(1));
}

TEST_F(FailureTest, WhatIsDroppedStartsOverAlsoWhereItsWavesAreInMemory) {
  plan = std::make_shared<const TrainPlan>(
      gpu, KernelTrain{{.count = 1, .duration = milliseconds(50), .shape = small_workgroups(16)}});
  map(1, 48);
  run(microseconds(1500));  // in the second turn: the first one's waves are saved
  ASSERT_EQ(work(all[0]), milliseconds(1));
  ASSERT_GT(device->waves().saved_bytes(all[0]), 0U);
  UnmapReport report;
  unmap(report, {all[0], all[47]}, true);
  run(microseconds(1600));
  for (const QueueIndex queue : {all[0], all[47]}) {
    EXPECT_EQ(work(queue), Duration::zero());
    EXPECT_EQ(device->waves().saved_bytes(queue), 0U);
  }
  EXPECT_EQ(report.saved_bytes, 0U);
  EXPECT_EQ(work(all[1]), milliseconds(1));
}

TEST_F(FailureTest, UnmapOfOneQueueLeavesTheOthersRunning) {
  map(2, 1);
  run(milliseconds(1));
  UnmapReport report;
  unmap(report, {all[0]});
  run(milliseconds(5));
  EXPECT_EQ(work(all[0]), milliseconds(1));
  EXPECT_EQ(work(all[1]), milliseconds(5));
  EXPECT_GT(report.saved_bytes, 0U);
  device->map_more({all[0]});
  run(milliseconds(7));
  EXPECT_EQ(work(all[0]), milliseconds(3));
  EXPECT_EQ(work(all[1]), milliseconds(7));
}

}  // namespace
}  // namespace gpreempt::sim
