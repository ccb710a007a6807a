// Goal: a queue or firmware that ignores preemption costs what amdkfd makes of it: the time-outs, a
// reset of the queue or of the GPU, ERROR bits instead of an errno, and processes that lose queues.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/sim/kfd_fixture.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

using std::chrono::seconds;

class KfdFailureTest : public KfdModelTest {
 protected:
  explicit KfdFailureTest(bool resets_single_queues = true)
      : KfdModelTest(options(resets_single_queues)) {
    attach(target);
    system.start();
    settle();
  }
  static SystemOptions options(bool resets_single_queues) {
    SystemOptions system = free_system();
    system.personality.resets_single_queues = resets_single_queues;
    system.gpu.unmap_timeout = seconds(4);
    system.gpu.fence_timeout = seconds(9);
    system.gpu.gpu_reset_time = seconds(5);
    return system;
  }
  void hang() { system.gpu(0).hang(*kfd().hardware_queue(target, 0)); }
  /// Suspends queue 0; the answer is there only after `time`.
  std::pair<long, Ids> suspend_for(Duration time) {
    std::pair<long, Ids> result{kNoAnswer, {}};
    kfd().suspend(me, target, {0}, Duration::zero(),
                  [&](long answer, const Ids& ids) { result = {answer, ids}; });
    timeline.run_until(timeline.now() + time - Duration(1));
    EXPECT_EQ(result.first, kNoAnswer);
    timeline.run_until(timeline.now() + Duration(1));
    return result;
  }
  Pid target = launch(endless(1));
  Pid bystander = launch(endless(1));
};

TEST_F(KfdFailureTest, StuckQueueIsResetAloneAndTheSuspendSucceeds) {
  hang();
  EXPECT_EQ(suspend_for(seconds(4)), std::make_pair(1L, Ids{0}));
  EXPECT_EQ(control(false, target, {0}).first, 1);
  EXPECT_EQ(kfd().active_queues(0), 1U);  // the bystander's; the other one is dead
  const Duration work = system.progress(bystander).work;
  settle();
  EXPECT_EQ(system.progress(bystander).work, work + milliseconds(50));
}

TEST_F(KfdFailureTest, AfterAResetTheProcessMayNotUpdateAndLeavesTheGpuUnmapped) {
  hang();
  suspend_for(seconds(4));
  EXPECT_EQ(update(target, 0, {.percentage = 100, .priority = {}}), -EACCES);
  const Duration work = system.progress(bystander).work;
  settle();
  EXPECT_EQ(system.progress(bystander).work, work);
  EXPECT_EQ(update(bystander, 0, {.percentage = 100, .priority = {}}), 0);  // maps again
  EXPECT_GT(system.progress(bystander).work, work + milliseconds(49));
}

TEST_F(KfdFailureTest, SilentFirmwareCostsNineSecondsAndTheGpu) {
  system.gpu(0).hang_firmware();
  EXPECT_EQ(suspend_for(seconds(9)), std::make_pair(0L, Ids{failed(0)}));
  EXPECT_EQ(kfd().active_queues(0), 0U);  // everybody's are lost
}

/// suspend_queues marks the queues before it unmaps, and on an error it only sets their bits.
TEST_F(KfdFailureTest, QueueOfAFailedSuspendStaysSuspendedUntilItIsResumed) {
  system.gpu(0).hang_firmware();
  suspend_for(seconds(9));
  timeline.run_until(timeline.now() + seconds(5));  // the reset
  std::optional<long> destroyed;
  kfd().destroy_queue(target, 0, [&](long result) { destroyed = result; });
  settle();
  EXPECT_EQ(destroyed, std::nullopt);
  EXPECT_EQ(control(false, target, {0}).first, 1);
  EXPECT_EQ(destroyed, 0);
}

class KfdWithoutQueueResetTest : public KfdFailureTest {
 protected:
  KfdWithoutQueueResetTest() : KfdFailureTest(false) {}
};

TEST_F(KfdWithoutQueueResetTest, StuckQueueTakesTheWholeGpuDown) {
  hang();
  EXPECT_EQ(suspend_for(seconds(4)), std::make_pair(0L, Ids{failed(0)}));
  EXPECT_EQ(kfd().active_queues(0), 0U);
  EXPECT_EQ(update(bystander, 0, {.percentage = 0, .priority = {}}), -EACCES);
}

TEST_F(KfdWithoutQueueResetTest, UntilTheResetIsOverCallsFailWithErrorBitsAndNoErrno) {
  attach(bystander);
  hang();
  suspend_for(seconds(4));
  EXPECT_EQ(control(true, bystander, {0}), std::make_pair(0L, Ids{failed(0)}));
  EXPECT_EQ(control(false, bystander, {0}), std::make_pair(0L, Ids{failed(0)}));
  const Pid late = bare(1);
  EXPECT_EQ(create(late, 0), -EIO);
  timeline.run_until(timeline.now() + seconds(5));
  EXPECT_EQ(create(late, 0), 0);
  EXPECT_EQ(kfd().active_queues(0), 1U);
}

TEST_F(KfdWithoutQueueResetTest, NewQueuesOfTheCallGetTheErrorBitToo) {
  ASSERT_TRUE(system.create_queue(target).has_value());
  hang();
  std::pair<long, Ids> result;
  kfd().suspend(me, target, {0, 1}, Duration::zero(),
                [&](long answer, const Ids& ids) { result = {answer, ids}; });
  timeline.run_until(timeline.now() + seconds(4));
  EXPECT_EQ(result, std::make_pair(0L, Ids{failed(0), failed(invalid(1))}));
}

TEST_F(KfdWithoutQueueResetTest, ProcessOnRocrAbortsAndOneWithoutItStays) {
  Program hip = endless(1);
  hip.runtime = Runtime::kHip;
  const Pid aborts = launch(hip);
  hang();
  suspend_for(seconds(4));
  EXPECT_TRUE(system.exited(aborts));
  EXPECT_FALSE(system.exited(bystander));
}

}  // namespace
}  // namespace gpreempt::sim
