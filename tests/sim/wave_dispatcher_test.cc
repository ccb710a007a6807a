// Goal: kernels share the GPU by occupancy of workgroups, residents are never evicted, and a train
// that is skipped through ends at the nanosecond it ends when stepped through. Expected times are
// closed forms.
#include "backends/sim/gpu/wave_dispatcher.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/timeline.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

using std::chrono::microseconds;

class Recorder final : public WaveDispatcher::Listener {
 public:
  explicit Recorder(Timeline& timeline) : timeline_(timeline) {}
  void first_wave(QueueIndex queue, std::uint64_t tag) override {
    first[{queue, tag}] = timeline_.now() - Instant{};
  }
  void job_done(QueueIndex queue, std::uint64_t tag) override {
    done[{queue, tag}] = timeline_.now() - Instant{};
  }
  std::map<std::pair<QueueIndex, std::uint64_t>, Duration> first;
  std::map<std::pair<QueueIndex, std::uint64_t>, Duration> done;

 private:
  Timeline& timeline_;
};

class WaveDispatcherTest : public testing::Test {
 protected:
  QueueIndex queue(std::uint32_t priority = 7) {
    const QueueIndex index = waves.add_queue(priority);
    waves.enable(index);
    return index;
  }
  void submit(QueueIndex to, std::uint32_t count, Duration duration, std::uint32_t workgroups,
              std::uint64_t tag = 0) {
    const KernelTrain train{
        {.count = count, .duration = duration, .shape = small_workgroups(workgroups)}};
    waves.submit(to, {.plan = std::make_shared<const TrainPlan>(gpu, train), .tag = tag});
  }
  void run_until(Duration when) { timeline.run_until(Instant{} + when); }

  GpuParameters gpu = free_gpu();
  PlainTimeline timeline;
  Recorder recorder{timeline};
  WaveDispatcher waves{timeline, gpu, recorder, {}};
};

TEST_F(WaveDispatcherTest, KernelOf240WorkgroupsOverlapsWithAnotherOne) {
  const QueueIndex a = queue();
  const QueueIndex b = queue();
  submit(a, 1, microseconds(100), 240);
  submit(b, 1, microseconds(100), 240);
  run_until(microseconds(500));
  // 480 of 640 places are taken: neither waits. A GPU that runs one kernel at a time would need 200
  // us.
  EXPECT_EQ((recorder.done[{a, 0}]), microseconds(100));
  EXPECT_EQ((recorder.done[{b, 0}]), microseconds(100));
}

TEST_F(WaveDispatcherTest, KernelsThatFillTheGpuTakeTurns) {
  const QueueIndex a = queue();
  const QueueIndex b = queue();
  submit(a, 1, microseconds(100), kFull);
  submit(b, 1, microseconds(100), kFull);
  run_until(microseconds(500));
  // Both ask at the same instant and share the places: 320 each, twice.
  EXPECT_EQ((recorder.done[{a, 0}]), microseconds(200));
  EXPECT_EQ((recorder.done[{b, 0}]), microseconds(200));
}

TEST_F(WaveDispatcherTest, PriorityDoesNotEvictResidentWorkgroups) {
  const QueueIndex low = queue(0);
  const QueueIndex high = queue(15);
  submit(low, 1, microseconds(1000), kFull);
  run_until(microseconds(400));
  submit(high, 1, microseconds(10), 64);
  run_until(microseconds(5000));
  EXPECT_EQ((recorder.first[{high, 0}]), microseconds(1000));
  EXPECT_EQ((recorder.done[{high, 0}]), microseconds(1010));
  EXPECT_EQ((recorder.done[{low, 0}]), microseconds(1000));
}

TEST_F(WaveDispatcherTest, HigherPipePriorityPlacesNewWorkgroupsFirst) {
  const QueueIndex low = queue(7);
  const QueueIndex high = queue(11);
  submit(low, 1, microseconds(300), 3 * kFull);
  run_until(microseconds(50));
  submit(high, 1, microseconds(200), 2 * kFull);
  run_until(microseconds(5000));
  // low's first round ends at 100; high then takes both of its rounds before low's remaining two.
  EXPECT_EQ((recorder.done[{high, 0}]), microseconds(300));
  EXPECT_EQ((recorder.done[{low, 0}]), microseconds(500));
}

TEST_F(WaveDispatcherTest, FrozenWorkGoesOnWhereItStopped) {
  const QueueIndex a = queue();
  const std::vector<QueueIndex> all{a};
  submit(a, 10, microseconds(100), 2 * kFull);
  run_until(microseconds(230));
  waves.disable(all);
  const std::vector<WaveDispatcher::Frozen> frozen = waves.freeze(all).queues;
  ASSERT_EQ(frozen.size(), 1U);
  EXPECT_EQ(frozen[0].bytes, wave_state_bytes(free_gpu(), small_workgroups(1), kFull));
  EXPECT_EQ(waves.saved_bytes(a), frozen[0].bytes);
  const WaveDispatcher::Progress before = waves.progress(a);
  EXPECT_EQ(before.kernels, 2U);
  EXPECT_EQ(before.work, microseconds(230));
  run_until(microseconds(900));
  EXPECT_EQ(waves.progress(a).work, before.work);
  waves.vacate(all);
  waves.enable(a);
  run_until(microseconds(5000));
  EXPECT_EQ((recorder.done[{a, 0}]), microseconds(1000 + 900 - 230));
}

TEST_F(WaveDispatcherTest, RoomOfFrozenWorkgroupsIsTakenUntilTheyAreInMemory) {
  const QueueIndex a = queue();
  const QueueIndex b = queue();
  submit(a, 1, microseconds(1000), kFull);
  run_until(microseconds(100));
  submit(b, 1, microseconds(50), kFull);
  const std::vector<QueueIndex> frozen{a};
  waves.disable(frozen);
  static_cast<void>(waves.freeze(frozen));
  run_until(microseconds(400));
  EXPECT_EQ(waves.progress(b).work, Duration::zero());
  waves.vacate(frozen);
  run_until(microseconds(1000));
  EXPECT_EQ((recorder.done[{b, 0}]), microseconds(400 + 50));
}

TEST_F(WaveDispatcherTest, DoorbellOfADisabledQueueIsRemembered) {
  const QueueIndex a = waves.add_queue(7);
  submit(a, 1, microseconds(10), 1);
  run_until(microseconds(100));
  EXPECT_FALSE(recorder.first.contains({a, 0}));
  waves.enable(a);
  run_until(microseconds(200));
  EXPECT_EQ((recorder.done[{a, 0}]), microseconds(110));
}

TEST_F(WaveDispatcherTest, ProgressOfAnEndlessTrainIsTheTimeItHadTheGpu) {
  const QueueIndex a = queue();
  const KernelTrain train{
      {.count = 7, .duration = microseconds(3), .shape = small_workgroups(10)},
      {.count = 2, .duration = microseconds(50), .shape = small_workgroups(900)}};
  waves.submit(a,
               {.plan = std::make_shared<const TrainPlan>(gpu, train), .tag = 0, .endless = true});
  run_until(microseconds(121 * 1000 + 20));
  // 1000 times through 9 kernels, then six small ones and two thirds of another.
  EXPECT_EQ(waves.progress(a).kernels, 9006U);
  EXPECT_EQ(waves.progress(a).work, microseconds(121 * 1000 + 20));
  EXPECT_EQ(timeline.fired(), 2U);  // nothing was stepped through
}

/// What a random history does, as text.
std::string history(const std::vector<std::tuple<std::uint8_t, std::uint8_t, std::uint16_t>>& steps,
                    bool skip_ahead) {
  const GpuParameters gpu = free_gpu();
  PlainTimeline timeline;
  Recorder recorder(timeline);
  WaveDispatcher waves(timeline, gpu, recorder, {.skip_ahead = skip_ahead});
  constexpr std::uint32_t kQueues = 3;
  const std::vector<QueueIndex> all{0, 1, 2};
  for (std::uint32_t i = 0; i < kQueues; ++i) {
    waves.enable(waves.add_queue(i == 0 ? 15 : 7));
  }
  std::uint64_t tag = 0;
  std::string log;
  Instant now{};
  for (const auto& [what, size, gap] : steps) {
    now += Duration(gap % 3000);
    timeline.run_until(now);
    const QueueIndex queue = what % kQueues;
    if (what % 5 == 4) {
      waves.disable(all);
      for (const WaveDispatcher::Frozen& frozen : waves.freeze(all).queues) {
        log += fmt::format("frozen {} {}\n", frozen.queue, frozen.bytes);
      }
      waves.vacate(all);
    } else if (what % 5 == 3) {
      for (std::uint32_t i = 0; i < kQueues; ++i) {
        waves.enable(i);
      }
    } else {
      const KernelTrain train{{.count = 1U + size % 4U,
                               .duration = Duration(1 + size * 7),
                               .shape = small_workgroups(1U + size * 11U)},
                              {.count = 2, .duration = Duration(40), .shape = small_workgroups(9)}};
      waves.submit(queue, {.plan = std::make_shared<const TrainPlan>(gpu, train), .tag = tag++});
    }
    log += fmt::format("{} {}\n", waves.progress(queue).kernels, to_ns(waves.progress(queue).work));
  }
  for (std::uint32_t i = 0; i < kQueues; ++i) {
    waves.enable(i);
  }
  timeline.run_until(now + std::chrono::milliseconds(100));
  for (const auto& [job, when] : recorder.first) {
    log += fmt::format("first {}.{} {}\n", job.first, job.second, to_ns(when));
  }
  for (const auto& [job, when] : recorder.done) {
    log += fmt::format("done {}.{} {}\n", job.first, job.second, to_ns(when));
  }
  RC_ASSERT(recorder.done.size() == tag);  // nothing is lost
  return log;
}

TEST(SkipAheadTest, GivesTheSameHistoryAsStepping) {
  const bool holds = rc::check("skip ahead equals stepping", [] {
    const auto steps =
        *rc::gen::arbitrary<std::vector<std::tuple<std::uint8_t, std::uint8_t, std::uint16_t>>>();
    RC_ASSERT(history(steps, true) == history(steps, false));
  });
  EXPECT_TRUE(holds);
}

TEST(ConservationTest, WorkDoneIsTheWorkAskedFor) {
  const bool holds = rc::check("work is conserved over preemptions", [] {
    const auto cuts =
        *rc::gen::container<std::vector<std::uint16_t>>(rc::gen::inRange<std::uint16_t>(1, 2000));
    const GpuParameters gpu = free_gpu();
    PlainTimeline timeline;
    Recorder recorder(timeline);
    WaveDispatcher waves(timeline, gpu, recorder, {});
    const QueueIndex queue = waves.add_queue(7);
    const std::vector<QueueIndex> all{queue};
    waves.enable(queue);
    const KernelTrain train{
        {.count = 20, .duration = Duration(900), .shape = small_workgroups(1000)}};
    waves.submit(queue, {.plan = std::make_shared<const TrainPlan>(gpu, train), .tag = 0});
    Duration off{};
    for (const std::uint16_t cut : cuts) {
      timeline.run_until(timeline.now() + Duration(cut));
      if (!waves.has_work(queue)) {
        break;
      }
      waves.disable(all);
      static_cast<void>(waves.freeze(all));
      timeline.run_until(timeline.now() + Duration(500));
      off += Duration(500);
      waves.vacate(all);
      waves.enable(queue);
    }
    timeline.run_until(timeline.now() + std::chrono::milliseconds(1));
    // Whatever the cuts, the train takes its own time plus the time it was off.
    RC_ASSERT((recorder.done[{queue, 0}]) == Duration(20 * 900) + off);
    RC_ASSERT(waves.progress(queue).work == Duration(20 * 900));
    RC_ASSERT(waves.progress(queue).kernels == 20U);
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace gpreempt::sim
