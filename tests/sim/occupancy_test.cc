// Goal: a GPU tells what becomes of its queues at the instants that its costs give. Each queue runs
// one workgroup of 4 waves; its state is 4 (256 x 64 + 4 x 104 + 128) = 67,712 bytes, which is 1 us
// at the bandwidth used here.
#include "core/occupancy.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/runlist.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/occupancy_recorder.h"
#include "backends/sim/task.h"
#include "backends/sim/timeline.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class NoCompletions final : public WaveDispatcher::Listener {
 public:
  void first_wave(QueueIndex /*queue*/, std::uint64_t /*tag*/) override {}
  void job_done(QueueIndex /*queue*/, std::uint64_t /*tag*/) override {}
};

GpuParameters costly_gpu() {
  GpuParameters gpu = free_gpu();
  gpu.t_hiq = microseconds(1);
  gpu.t_stop = microseconds(2);
  gpu.t_map = microseconds(10);
  gpu.t_relaunch = microseconds(3);
  gpu.save_bandwidth = 67.712e9;
  return gpu;
}

/// Two processes with a queue each, which run kernels of 50 us for ever.
class QueueOccupancyTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto plan = std::make_shared<const TrainPlan>(
        gpu, KernelTrain{{.count = 1, .duration = microseconds(50), .shape = small_workgroups(1)}});
    for (const std::int32_t process : {kServe, kTrain}) {
      const QueueIndex queue = device.add_queue({.process = process});
      device.waves().submit(queue, {.plan = plan, .tag = 0, .endless = true});
      queues.push_back(queue);
    }
  }

  void record(std::size_t most = 100) {
    recorder = std::make_unique<OccupancyRecorder>(timeline, 1, most);
    recorder->add(0, queues[0], Pid(kServe), device.occupancy(queues[0]));
    recorder->add(0, queues[1], Pid(kTrain), device.occupancy(queues[1]));
    device.listen(&recorder->on(0));
  }
  [[nodiscard]] Runlist both() const {
    return {{.process = kServe, .queues = {queues[0]}}, {.process = kTrain, .queues = {queues[1]}}};
  }
  [[nodiscard]] Runlist without_training() const {
    return {{.process = kServe, .queues = {queues[0]}}, {.process = kTrain, .queues = {}}};
  }
  void run_until(std::int64_t us) { timeline.run_until(Instant{} + microseconds(us)); }
  /// A call about the training process at `us`, which ends with this runlist.
  void call_at(std::int64_t us, Runlist list) {
    run_until(us);
    tasks.start(unmap_and_map(std::move(list)));
  }
  Task unmap_and_map(Runlist list) {
    UnmapRequest request;
    request.cause = kTrain;
    UnmapReport report;
    co_await device.unmap(std::move(request), report);
    device.map(std::move(list));
  }
  [[nodiscard]] std::string told_of(std::int32_t process) const {
    std::string text;
    for (const OccupancyChange& change : recorder->record().changes) {
      if (change.pid == Pid(process)) {
        text += fmt::format("{}:{}:{} ", to_ns(change.at) / 1000, to_string(change.state),
                            change.waves);
      }
    }
    return text;
  }

  static constexpr std::int32_t kServe = 1;
  static constexpr std::int32_t kTrain = 2;
  GpuParameters gpu = costly_gpu();
  PlainTimeline timeline;
  NoCompletions completions;
  Gpu device{timeline, gpu, completions, WaveDispatcher::Options{}};
  std::vector<QueueIndex> queues;
  TaskScope tasks;
  std::unique_ptr<OccupancyRecorder> recorder;
};

TEST_F(QueueOccupancyTest, ASuspendAndAResumeAreToldAtTheInstantsTheirCostsGive) {
  record();
  device.map(both());
  call_at(100, without_training());
  call_at(200, both());
  run_until(300);
  // Suspend: fetched at 101, stopped at 103, both queues' waves saved at 105; mapped at 115, one
  // queue restored 3 + 1 later. Resume: fetched at 201, stopped at 203, one queue's waves saved at
  // 204; mapped at 214, two queues restored 3 + 2 later.
  EXPECT_EQ(told_of(kTrain),
            "0:suspended:0 0:restoring:0 10:running:0 101:unmapping:4 103:saving:4 105:suspended:0 "
            "204:restoring:0 219:running:4 ");
  EXPECT_EQ(told_of(kServe),
            "0:suspended:0 0:restoring:0 10:running:0 101:bystander:4 119:running:4 "
            "201:bystander:4 219:running:4 ");
  EXPECT_EQ(device.bystander(queues[0]), microseconds(18 + 18));
  EXPECT_EQ(device.bystander(queues[1]), Duration::zero());
}

TEST_F(QueueOccupancyTest, BystanderTimeCountsWhileItLasts) {
  device.map(both());
  call_at(100, without_training());
  run_until(110);
  EXPECT_EQ(device.occupancy(queues[0]), Occupancy::kBystander);
  EXPECT_EQ(device.bystander(queues[0]), microseconds(9));
}

TEST_F(QueueOccupancyTest, AQueueThatIsDestroyedWhileItIsABystanderKeepsItsTime) {
  record();
  device.map(both());
  call_at(100, without_training());
  run_until(110);
  device.remove_queue(queues[0]);
  run_until(200);
  EXPECT_EQ(device.bystander(queues[0]), microseconds(9));
  EXPECT_EQ(recorder->record().changes.back().state, Occupancy::kGone);
}

TEST_F(QueueOccupancyTest, WhatFindsNoRoomIsCountedFromTheInstantOn) {
  record(6);  // up to the two that run at 10 us
  device.map(both());
  call_at(100, without_training());
  run_until(200);
  EXPECT_EQ(recorder->record().changes.size(), 6U);
  EXPECT_EQ(recorder->record().until, Instant{} + microseconds(101));
  // Bystander and running again; unmapping, saving, suspended.
  EXPECT_EQ(recorder->record().left_out, 5U);
}

TEST_F(QueueOccupancyTest, QueuesOfAnOversubscribedGpuWaitForTheirTurn) {
  gpu.vmids = 1;
  Gpu small(timeline, gpu, completions, WaveDispatcher::Options{});
  const QueueIndex first = small.add_queue({.process = kServe});
  const QueueIndex second = small.add_queue({.process = kTrain});
  small.map({{.process = kServe, .queues = {first}}, {.process = kTrain, .queues = {second}}});
  timeline.run_until(Instant{} + milliseconds(5));
  EXPECT_EQ(small.occupancy(first), Occupancy::kRunning);
  EXPECT_EQ(small.occupancy(second), Occupancy::kWaiting);
  timeline.run_until(Instant{} + milliseconds(15));  // a process quantum is 10 ms
  EXPECT_EQ(small.occupancy(first), Occupancy::kWaiting);
  EXPECT_EQ(small.occupancy(second), Occupancy::kRunning);
}

}  // namespace
}  // namespace gpreempt::sim
