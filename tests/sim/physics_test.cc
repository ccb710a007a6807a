// Goal: the GPU model obeys what any GPU obeys: nothing idles on an XCC where work fits, work is
// neither lost nor done twice, what is saved is restored, and costs follow bytes and bandwidth.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "backends/sim/gpu/cu_pool.h"
#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/timeline.h"
#include "core/program.h"
#include "core/random.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class Jobs final : public WaveDispatcher::Listener {
 public:
  void first_wave(QueueIndex /*queue*/, std::uint64_t /*tag*/) override {}
  void job_done(QueueIndex /*queue*/, std::uint64_t /*tag*/) override { ++done; }
  std::uint64_t done = 0;
};

std::shared_ptr<const TrainPlan> plan_of(const GpuParameters& gpu, const KernelTrain& train) {
  return std::make_shared<const TrainPlan>(gpu, train);
}

TEST(XccTest, LastWorkgroupBeyondWhatFitsDoublesTheKernelOnOneXccOnly) {
  const GpuParameters gpu = free_gpu();
  PlainTimeline timeline;
  Jobs jobs;
  WaveDispatcher waves(timeline, gpu, jobs, {.skip_ahead = false});
  const QueueIndex queue = waves.add_queue(7);
  waves.enable(queue);
  // 641 workgroups on 640 places: the last one goes to XCC 0, which alone runs a second round.
  waves.submit(queue, {.plan = plan_of(gpu, {{.count = 1,
                                              .duration = microseconds(200),
                                              .shape = small_workgroups(kFull + 1)}})});
  timeline.run_until(Instant{} + microseconds(150));
  std::uint32_t resident = 0;
  for (std::uint32_t cu = 0; cu < gpu.cus(); ++cu) {
    resident += waves.resident_on(cu);
  }
  EXPECT_EQ(resident, 1U);
  EXPECT_EQ(waves.resident_on(0), 1U);
  timeline.run_until(Instant{} + microseconds(200));
  EXPECT_EQ(jobs.done, 1U);
}

TEST(XccTest, FullXccHoldsItsShareBackWhileOthersHaveRoom) {
  GpuParameters gpu = free_gpu();
  gpu.xccs = 2;
  gpu.cus_per_xcc = 1;  // eight places on each
  PlainTimeline timeline;
  Jobs jobs;
  WaveDispatcher waves(timeline, gpu, jobs, {});
  const QueueIndex first = waves.add_queue(7);
  const QueueIndex second = waves.add_queue(7);
  waves.enable(first);
  waves.enable(second);
  const auto submit = [&](QueueIndex queue, std::uint32_t workgroups) {
    waves.submit(queue, {.plan = plan_of(gpu, {{.count = 1,
                                                .duration = microseconds(100),
                                                .shape = small_workgroups(workgroups)}})});
  };
  submit(first, 15);  // eight to XCC 0, seven to XCC 1
  timeline.run_until(Instant{} + microseconds(10));
  submit(second, 1);  // dealt to XCC 0, which is full, though XCC 1 has a place
  timeline.run_until(Instant{} + microseconds(20));
  EXPECT_EQ(waves.resident_on(0), 8U);
  EXPECT_EQ(waves.resident_on(1), 7U);
  timeline.run_until(Instant{} + microseconds(200));
  EXPECT_EQ(jobs.done, 2U);
}

TEST(CuTest, WorkgroupThatFitsOnNoCuWaitsThoughTheXccHasEnoughInAll) {
  GpuParameters gpu = free_gpu();
  gpu.xccs = 1;
  gpu.cus_per_xcc = 2;
  PlainTimeline timeline;
  Jobs jobs;
  WaveDispatcher waves(timeline, gpu, jobs, {});
  const QueueIndex small = waves.add_queue(7);
  const QueueIndex large = waves.add_queue(7);
  waves.enable(small);
  waves.enable(large);
  // Five waves of eight lie on each CU; a workgroup of 32 waves needs a whole one.
  waves.submit(small, {.plan = plan_of(gpu, {{.count = 1,
                                              .duration = microseconds(100),
                                              .shape = {.workgroups = 2, .waves = 5}}})});
  timeline.run_until(Instant{} + microseconds(1));
  waves.submit(large, {.plan = plan_of(gpu, {{.count = 1,
                                              .duration = microseconds(10),
                                              .shape = {.workgroups = 1, .waves = 32}}})});
  timeline.run_until(Instant{} + microseconds(99));
  EXPECT_EQ(jobs.done, 0U);
  timeline.run_until(Instant{} + microseconds(110));
  EXPECT_EQ(jobs.done, 2U);
}

TEST(MaskTest, HalfTheCusTakeTwiceTheTime) {
  const GpuParameters gpu = free_gpu();
  PlainTimeline timeline;
  Jobs jobs;
  WaveDispatcher waves(timeline, gpu, jobs, {});
  const QueueIndex queue = waves.add_queue(7);
  waves.enable(queue);
  const std::vector<std::uint32_t> half{0xffffffff, 0x000000ff};  // 40 of 80, ten on each XCC
  waves.set_cu_mask(queue, cu_sets_of(gpu, half));
  waves.submit(
      queue,
      {.plan = plan_of(
           gpu, {{.count = 3, .duration = microseconds(100), .shape = small_workgroups(kFull)}})});
  timeline.run_until(Instant{} + microseconds(599));
  EXPECT_EQ(jobs.done, 0U);
  for (std::uint32_t cu = 0; cu < gpu.cus(); ++cu) {
    EXPECT_EQ(waves.resident_on(cu), cu % 20 < 10 ? 8U : 0U) << "CU " << cu;
  }
  timeline.run_until(Instant{} + microseconds(600));
  EXPECT_EQ(jobs.done, 1U);
}

TEST(GateTest, NoKernelBeginsBeyondTheGate) {
  const GpuParameters gpu = free_gpu();
  PlainTimeline timeline;
  Jobs jobs;
  WaveDispatcher waves(timeline, gpu, jobs, {});
  const QueueIndex queue = waves.add_queue(7);
  waves.enable(queue);
  waves.submit(
      queue,
      {.plan = plan_of(
           gpu, {{.count = 10, .duration = microseconds(100), .shape = small_workgroups(kFull)}})});
  timeline.run_until(Instant{} + microseconds(250));
  EXPECT_EQ(waves.kernels_begun(queue), 3U);
  waves.set_gate(queue, 3);
  timeline.run_until(Instant{} + microseconds(900));
  EXPECT_EQ(waves.progress(queue).kernels, 3U);
  EXPECT_EQ(waves.kernels_begun(queue), 3U);
  waves.set_gate(queue, std::nullopt);
  timeline.run_until(Instant{} + microseconds(900 + 700));
  EXPECT_EQ(jobs.done, 1U);
}

/// Two queues with small kernels on a GPU where neighbours slow each other by a quarter.
class InterferenceTest : public testing::Test {
 protected:
  void SetUp() override {
    waves.enable(first);
    waves.enable(second);
  }
  void submit(QueueIndex queue, Duration duration) {
    waves.submit(queue,
                 {.plan = plan_of(
                      gpu, {{.count = 1, .duration = duration, .shape = small_workgroups(16)}})});
  }
  static GpuParameters slowing() {
    GpuParameters parameters = free_gpu();
    parameters.interference = 0.25;
    return parameters;
  }

  GpuParameters gpu = slowing();
  PlainTimeline timeline;
  Jobs jobs;
  WaveDispatcher waves{timeline, gpu, jobs, {}};
  QueueIndex first = waves.add_queue(7);
  QueueIndex second = waves.add_queue(7);
};

TEST_F(InterferenceTest, WorkgroupsBesideAnotherQueuesTakeLongerAndCountAsTheSameWork) {
  submit(first, microseconds(100));  // had the GPU to itself when it was placed
  timeline.run_until(Instant{} + microseconds(10));
  submit(second, microseconds(100));
  timeline.run_until(Instant{} + microseconds(60));
  EXPECT_EQ(waves.progress(first).work, microseconds(60));
  EXPECT_EQ(waves.progress(second).work, microseconds(40));  // 50 of 125
  timeline.run_until(Instant{} + microseconds(134));
  EXPECT_EQ(jobs.done, 1U);
  timeline.run_until(Instant{} + microseconds(135));
  EXPECT_EQ(jobs.done, 2U);
  EXPECT_EQ(waves.progress(second).work, microseconds(100));
}

TEST_F(InterferenceTest, WorkOfWorkgroupsOfManySecondsIsCountedExactly) {
  submit(first, std::chrono::seconds(60));
  timeline.run_until(Instant{} + std::chrono::seconds(1));
  submit(second, std::chrono::seconds(20));
  timeline.run_until(Instant{} + microseconds(13'500'000));
  // 20 s of work take 25 s beside the other one: after 12.5 s half of it is done.
  EXPECT_EQ(waves.progress(second).work, std::chrono::seconds(10));
}

TEST(ReadIndexTest, PassesAPacketWhenItsKernelBeginsOrWhenItEnds) {
  for (const bool early : {true, false}) {
    GpuParameters gpu = free_gpu();
    gpu.read_index_early = early ? 1 : 0;
    PlainTimeline timeline;
    Jobs jobs;
    Gpu device(timeline, gpu, jobs, {});
    const QueueIndex queue = device.add_queue({});
    device.waves().submit(
        queue,
        {.plan = plan_of(
             gpu, {{.count = 5, .duration = microseconds(100), .shape = small_workgroups(16)}})});
    EXPECT_EQ(device.read_index(queue), 0U);  // rung, and unmapped yet
    device.map({{.process = 0, .queues = {queue}}});
    timeline.run_until(Instant{} + microseconds(450));
    EXPECT_EQ(device.read_index(queue), early ? 5U : 4U);  // early: equals the write index
    timeline.run_until(Instant{} + microseconds(500));
    EXPECT_EQ(device.read_index(queue), 5U);
  }
}

TEST(DropTest, KernelWhoseWavesAreKilledStartsOver) {
  const GpuParameters gpu = free_gpu();
  PlainTimeline timeline;
  Jobs jobs;
  WaveDispatcher waves(timeline, gpu, jobs, {});
  const QueueIndex queue = waves.add_queue(7);
  const std::vector<QueueIndex> all{queue};
  waves.enable(queue);
  waves.submit(
      queue,
      {.plan = plan_of(
           gpu, {{.count = 2, .duration = microseconds(100), .shape = small_workgroups(kFull)}})});
  timeline.run_until(Instant{} + microseconds(190));
  waves.disable(all);
  waves.drop(queue);
  EXPECT_EQ(waves.progress(queue).work, microseconds(100));  // what the second had done is lost
  waves.enable(queue);
  timeline.run_until(Instant{} + microseconds(289));
  EXPECT_EQ(jobs.done, 0U);
  timeline.run_until(Instant{} + microseconds(290));
  EXPECT_EQ(jobs.done, 1U);
}

/// Random work on random queues, cut by saves at random instants.
class RandomHistory {
 public:
  explicit RandomHistory(std::uint64_t seed) : random_(seed, "physics") {
    for (std::uint32_t i = 0; i < kQueues; ++i) {
      constexpr std::uint32_t kLevels[] = {0, 7, 15};
      all_.push_back(waves_.add_queue(kLevels[i % 3]));
      waves_.enable(all_.back());
    }
  }

  void run(std::uint32_t preemptions) {
    for (std::uint32_t i = 0; i < preemptions; ++i) {
      for (std::uint32_t jobs = below(3); jobs > 0; --jobs) {
        submit();
      }
      advance(below(400));
      check_work_conserving();
      const std::uint64_t before = saved();
      waves_.disable(all_);
      std::uint64_t bytes = 0;
      for (const WaveDispatcher::Frozen& each : waves_.freeze(all_).queues) {
        bytes += each.bytes;
      }
      // What was saved before and was not placed again, and what is saved now, is what will be
      // restored.
      EXPECT_EQ(saved(), before + bytes);
      advance(below(50));
      waves_.vacate(all_);
      EXPECT_EQ(saved(), before + bytes);
      for (const QueueIndex queue : all_) {
        if (below(8) > 0) {
          waves_.enable(queue);
        }
      }
    }
    for (const QueueIndex queue : all_) {
      waves_.enable(queue);
    }
    timeline_.run_until(timeline_.now() + std::chrono::seconds(100));
  }

  void expect_all_done_once() {
    EXPECT_EQ(jobs_.done, submitted_);
    Duration work{};
    std::uint64_t kernels = 0;
    for (const QueueIndex queue : all_) {
      work += waves_.progress(queue).work;
      kernels += waves_.progress(queue).kernels;
      EXPECT_EQ(waves_.saved_bytes(queue), 0U);
    }
    EXPECT_EQ(work, work_);
    EXPECT_EQ(kernels, kernels_);
    for (std::uint32_t cu = 0; cu < gpu_.cus(); ++cu) {
      EXPECT_EQ(waves_.resident_on(cu), 0U);
    }
  }

 private:
  static constexpr std::uint32_t kQueues = 5;

  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(random_.uniform() * bound);
  }
  void advance(std::uint32_t ns) { timeline_.run_until(timeline_.now() + Duration(ns)); }
  void submit() {
    const KernelTrain train{{.count = 1 + below(3),
                             .duration = Duration(1 + below(300)),
                             .shape = {.workgroups = 1 + below(900),
                                       .waves = 1 + below(16),
                                       .vgprs = 8 * (1 + below(32)),
                                       .lds_bytes = std::uint64_t{1024} * below(65)}}};
    if (workgroups_per_cu(gpu_, train.front().shape) == 0) {
      return;
    }
    const auto plan = plan_of(gpu_, train);
    waves_.submit(all_[below(kQueues)], {.plan = plan, .tag = submitted_++});
    work_ += plan->total();
    kernels_ += plan->kernels();
  }
  /// After the dispatch of this instant no XCC has room for the next workgroup of any queue.
  void check_work_conserving() {
    for (const QueueIndex queue : all_) {
      for (std::uint32_t xcc = 0; xcc < gpu_.xccs; ++xcc) {
        EXPECT_FALSE(waves_.could_place(queue, xcc)) << "queue " << queue << " on XCC " << xcc;
      }
    }
  }
  [[nodiscard]] std::uint64_t saved() const {
    std::uint64_t bytes = 0;
    for (const QueueIndex queue : all_) {
      bytes += waves_.saved_bytes(queue);
    }
    return bytes;
  }

  RandomStream random_;
  GpuParameters gpu_ = free_gpu();
  PlainTimeline timeline_;
  Jobs jobs_;
  WaveDispatcher waves_{timeline_, gpu_, jobs_, {}};
  std::vector<QueueIndex> all_;
  std::uint64_t submitted_ = 0;
  Duration work_{};
  std::uint64_t kernels_ = 0;
};

TEST(RandomHistoryTest, NoWorkIsLostOrDoneTwiceOverAHundredThousandPreemptions) {
  const std::uint64_t seed = 20261126;
  const std::uint32_t preemptions = short_campaign() ? 5'000 : 100'000;
  SCOPED_TRACE(testing::Message() << "seed " << seed << ", " << preemptions << " preemptions");
  RandomHistory history(seed);
  history.run(preemptions);
  history.expect_all_done_once();
}

TEST(CostTest, SaveTakesLongerForMoreBytesAndLessTimeOnAFasterPath) {
  GpuParameters gpu = free_gpu();
  gpu.clock_hz = 2.1e9;
  gpu.cu_bytes_per_clock = 64;
  gpu.xcc_bandwidth = 1e12;
  gpu.save_bandwidth = 1.8e12;
  gpu.system_bandwidth = 50e9;
  Duration last{};
  for (std::uint64_t megabytes = 1; megabytes <= 64; megabytes *= 2) {
    const std::uint64_t bytes = megabytes << 20U;
    const SaveLoad load{.local = bytes, .xcc = bytes / 4, .cu = bytes / 80, .waves = 10};
    const Duration here = save_time(gpu, load);
    EXPECT_GT(here, last);
    last = here;
    GpuParameters faster = gpu;
    faster.save_bandwidth *= 2;
    EXPECT_LT(save_time(faster, load), here);
    EXPECT_LT(restore_time(faster, load), restore_time(gpu, load));
    const SaveLoad far{.system = bytes, .xcc = bytes / 4, .cu = bytes / 80, .waves = 10};
    EXPECT_GT(save_time(gpu, far), here);  // over the bus
  }
}

}  // namespace
}  // namespace gpreempt::sim
