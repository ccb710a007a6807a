// Goal: evictions are counted per process and GPU, end by themselves at the driver's times, and are
// independent of a debugger's suspension: whichever ends last lets the queue run.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <utility>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/sim/kfd_fixture.h"

namespace gpreempt::sim {
namespace {

using Eviction = KfdModel::Eviction;

class EvictionTest : public KfdModelTest {
 protected:
  explicit EvictionTest(const SystemOptions& options = free_system()) : KfdModelTest(options) {}
  void run(Duration duration) { timeline.run_until(timeline.now() + duration); }
  bool runs() { return kfd().active_queues(0) == 1; }
  long criu(bool paused) {
    return answer(
        [&](KfdModel::Reply reply) { kfd().criu_pause(target, paused, std::move(reply)); });
  }
  Pid target = launch(endless(1));
};

TEST_F(EvictionTest, MemoryPressureTakesTheQueuesOffFor100Ms) {
  kfd().evict(target, Eviction::kTtm);
  run(milliseconds(100) - Duration(1));
  EXPECT_FALSE(runs());
  EXPECT_EQ(kfd().evictions(target, 0), 1U);
  run(Duration(1));
  EXPECT_TRUE(runs());
  EXPECT_EQ(kfd().evictions(target, 0), 0U);
}

TEST_F(EvictionTest, NextOneWaitsUntilTheQueuesHaveRunFor10Ms) {
  kfd().evict(target, Eviction::kTtm);
  run(milliseconds(104));
  kfd().evict(target, Eviction::kTtm);  // 4 ms after the restore
  run(milliseconds(6) - Duration(1));
  EXPECT_TRUE(runs());
  run(Duration(1));
  EXPECT_FALSE(runs());
  run(milliseconds(100));
  EXPECT_TRUE(runs());
}

TEST_F(EvictionTest, EvictionOfARangeLastsOneMs) {
  for (const Eviction cause : {Eviction::kSvm, Eviction::kUserptr}) {
    kfd().evict(target, cause);
    run(milliseconds(1) - Duration(1));
    EXPECT_FALSE(runs());
    run(Duration(1));
    EXPECT_TRUE(runs());
  }
}

class MovedAreaEvictionTest : public EvictionTest {
 protected:
  MovedAreaEvictionTest() : EvictionTest(moving()) {}

 public:
  static SystemOptions moving() {
    SystemOptions options = free_system();
    options.gpu.area_moves = 1;
    return options;
  }
};

TEST_F(MovedAreaEvictionTest, FirstHeaderCopyEvictsTheProcessForOneMs) {
  attach(target);
  std::pair<long, Instant> first{kNoAnswer, {}};
  kfd().suspend(me, target, {0}, Duration::zero(),
                [&](long answer, const Ids&) { first = {answer, timeline.now()}; });
  run(Duration(1));
  ASSERT_EQ(first.first, 1);
  EXPECT_EQ(kfd().evictions(target, 0), 1U);
  kfd().resume(me, target, {0}, [](long, const Ids&) {});
  run(milliseconds(1) - Duration(2));
  EXPECT_FALSE(runs());  // resumed, and evicted still
  run(Duration(1));
  EXPECT_TRUE(runs());
  EXPECT_EQ(control(true, target, {0}).first, 1);
  EXPECT_EQ(kfd().evictions(target, 0), 0U);  // headers were copied before
}

class SlowlyMovedAreaEvictionTest : public EvictionTest {
 protected:
  static SystemOptions slow() {
    SystemOptions options = MovedAreaEvictionTest::moving();
    options.gpu.cwsr_area_bytes = 1'250'000;
    options.gpu.system_bandwidth = 1e9;
    return options;
  }
  SlowlyMovedAreaEvictionTest() : EvictionTest(slow()) {}
};

TEST_F(SlowlyMovedAreaEvictionTest, RestoreWaitsForTheMove) {
  const Duration move = microseconds(1250) * system.options().gpu.xccs;
  ASSERT_GT(move, milliseconds(1));
  attach(target);
  kfd().suspend(me, target, {0}, Duration::zero(), [](long, const Ids&) {});
  run(move - Duration(1));
  kfd().resume(me, target, {0},
               [](long, const Ids&) {});  // waits for the suspend, as the move does
  EXPECT_EQ(kfd().evictions(target, 0), 1U);
  run(Duration(1));
  EXPECT_EQ(kfd().evictions(target, 0), 0U);
  run(Duration(1));
  EXPECT_TRUE(runs());
}

TEST_F(EvictionTest, ResumeOfAnEvictedQueueIsFinishedByTheRestore) {
  attach(target);
  ASSERT_EQ(control(true, target, {0}).first, 1);
  kfd().evict(target, Eviction::kTtm);
  EXPECT_EQ(control(false, target, {0}), std::make_pair(1L, Ids{0}));
  EXPECT_FALSE(runs());
  run(milliseconds(50));
  EXPECT_TRUE(runs());
}

TEST_F(EvictionTest, RestoreOfASuspendedQueueIsFinishedByTheResume) {
  attach(target);
  kfd().evict(target, Eviction::kTtm);
  ASSERT_EQ(control(true, target, {0}), std::make_pair(1L, Ids{0}));
  run(milliseconds(60));
  EXPECT_EQ(kfd().evictions(target, 0), 0U);
  EXPECT_FALSE(runs());
  EXPECT_EQ(control(false, target, {0}).first, 1);
  EXPECT_TRUE(runs());
}

TEST_F(EvictionTest, QueueCreatedMeanwhileIsEvictedToo) {
  ASSERT_EQ(criu(true), 0);
  EXPECT_EQ(create(target, 0), 1);
  EXPECT_EQ(kfd().active_queues(0), 0U);
  ASSERT_EQ(criu(false), 0);
  EXPECT_EQ(kfd().active_queues(0), 2U);
}

TEST_F(EvictionTest, PauseLastsUntilItIsEndedAndOutlivesOtherEvictions) {
  EXPECT_EQ(criu(false), -EINVAL);
  EXPECT_EQ(criu(true), 0);
  kfd().evict(target, Eviction::kTtm);
  run(milliseconds(50));
  EXPECT_EQ(kfd().evictions(target, 0), 2U);
  run(milliseconds(100));
  EXPECT_EQ(kfd().evictions(target, 0), 1U);
  EXPECT_FALSE(runs());
  EXPECT_EQ(criu(false), 0);
  EXPECT_TRUE(runs());
  EXPECT_EQ(criu(false), -EINVAL);
}

TEST_F(EvictionTest, EndOfTheProcessEndsItsEviction) {
  kfd().evict(target, Eviction::kTtm);
  system.exit(target);
  run(milliseconds(300));
  EXPECT_EQ(kfd().processes(0), 0U);
  kfd().evict(target, Eviction::kTtm);  // nobody to evict
}

class PricedEvictionTest : public EvictionTest {
 protected:
  static SystemOptions options() {
    SystemOptions system = priced_system();
    system.gpus = 2;
    return system;
  }
  PricedEvictionTest() : EvictionTest(options()) { create(target, 1); }
};

TEST_F(PricedEvictionTest, PauseTakesTheQueuesOffEveryGpu) {
  const auto pause = [&](bool paused) {
    return timed(
        [&](KfdModel::Reply reply) { kfd().criu_pause(target, paused, std::move(reply)); });
  };
  // Packet and fence on each GPU; then nothing is left to map.
  EXPECT_EQ(pause(true), std::make_pair(0L, Duration(microseconds(1 + 2 * (10 + 2)))));
  EXPECT_EQ(kfd().active_queues(0) + kfd().active_queues(1), 0U);
  EXPECT_EQ(pause(false), std::make_pair(0L, Duration(microseconds(1 + 2 * (4 + 2)))));
  EXPECT_EQ(kfd().active_queues(0) + kfd().active_queues(1), 2U);
}

TEST_F(PricedEvictionTest, SecondReferenceCostsNoRefresh) {
  ASSERT_EQ(criu(true), 0);
  const auto [result, time] =
      timed([&](KfdModel::Reply reply) { kfd().criu_pause(target, true, std::move(reply)); });
  EXPECT_EQ(result, 0);
  EXPECT_EQ(time, microseconds(1));
  EXPECT_EQ(criu(false), 0);
  EXPECT_FALSE(runs());  // the driver took two references and gives one back
}

}  // namespace
}  // namespace gpreempt::sim
