// Goal: a process may destroy queues and end its runtime while it is under control; what it waits
// for in the driver is bounded by the suspension.
// Method: it does so before, while and after its queues are suspended.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;

class DestroyTest : public BackendTest {
 protected:
  /// An Offline job under way with an idle second queue, which it may destroy.
  Training start_with_spare() {
    const Pid pid = launch(offline_training(2));
    start_and_wait_for_work(pid);
    Training training{.pid = pid, .target = attach(pid)};
    EXPECT_EQ(training.target.queues.size(), 2U);
    return training;
  }
  void destroy(Pid pid) {
    const Result<void> begun = testbed().destroy_queue(pid);
    ASSERT_TRUE(begun) << sentence(begun);
  }
  bool returns(Pid pid, Duration patience) {
    return wait_until(
               testbed(), [&] { return testbed().calls_in_driver(pid) == 0; }, patience)
        .has_value();
  }
};
GPREEMPT_IN_EVERY_WORLD(DestroyTest);

TEST_P(DestroyTest, DestroyOfARunningQueueReturnsAndTheQueueIsGone) {
  const Training training = start_with_spare();
  destroy(training.pid);
  EXPECT_TRUE(returns(training.pid, milliseconds(100)));
  // The driver tells nobody of it: the next request's look finds out.
  suspend(Attached{.id = training.target.id, .queues = {training.target.queues.front()}});
  EXPECT_EQ(count_of<QueueGone>(log()), 1U);
  EXPECT_EQ(backend().queues(training.target.id).size(), 1U);
}

TEST_P(DestroyTest, DestroyOfASuspendedQueueWaitsForItsResume) {
  const Training training = start_with_spare();
  suspend(training.target);
  destroy(training.pid);
  EXPECT_FALSE(returns(training.pid, milliseconds(500)));
  resume(training.target);
  EXPECT_TRUE(returns(training.pid, milliseconds(100)));
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(DestroyTest, DestroyOfASuspendedQueueWaitsNoLongerThanTheLease) {
  const Training training = start_with_spare();
  const Duration lease = milliseconds(80);
  const Instant before = backend().now();
  suspend(training.target, lease);
  destroy(training.pid);
  EXPECT_TRUE(returns(training.pid, milliseconds(500)));
  EXPECT_GE(backend().now(), before + lease);
  EXPECT_LT(backend().now(), before + 2 * lease);
}

TEST_P(DestroyTest, QueueThatWaitsToBeDestroyedIsNotSuspendedAgain) {
  const Training training = start_with_spare();
  const Attached spare{.id = training.target.id, .queues = {training.target.queues.back()}};
  suspend(spare);
  destroy(training.pid);
  wait(milliseconds(10));
  resume(spare);
  EXPECT_TRUE(returns(training.pid, milliseconds(100)));
  EventLog served;
  const Result<ControlDone> again =
      suspend_and_wait(backend(), training.target, kLongLease, served);
  ASSERT_TRUE(again) << sentence(again);
  ASSERT_EQ(again->outcomes.size(), 2U);
  EXPECT_EQ(again->outcomes.front().outcome, Outcome::kOk);
  EXPECT_EQ(again->outcomes.back().outcome, Outcome::kInvalid);
}

TEST_P(DestroyTest, DetachFreesAProcessThatWaitsToDestroy) {
  const Training training = start_with_spare();
  suspend(training.target);
  destroy(training.pid);
  wait(milliseconds(10));
  ASSERT_TRUE(backend().detach(training.target.id));
  await<DetachDone>();
  EXPECT_TRUE(returns(training.pid, milliseconds(100)));
}

TEST_P(DestroyTest, DeathOfTheControllerFreesAProcessThatWaitsToDestroy) {
  const Training training = start_with_spare();
  suspend(training.target);
  destroy(training.pid);
  wait(milliseconds(10));
  kill_controller();
  EXPECT_TRUE(returns(training.pid, milliseconds(500)));
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(DestroyTest, ProcessThatWaitsToDestroyMayExit) {
  const Training training = start_with_spare();
  suspend(training.target);
  destroy(training.pid);
  wait(milliseconds(10));
  testbed().exit(training.pid);
  EXPECT_EQ(await<TargetExited>().target, training.target.id);
}

TEST_P(DestroyTest, NextQueueMayGetTheNumberButNeverTheIdOfADestroyedOne) {
  const Training training = start_with_spare();
  const std::vector<QueueInfo> before = backend().queues(training.target.id);
  destroy(training.pid);
  ASSERT_TRUE(returns(training.pid, milliseconds(100)));
  ASSERT_TRUE(testbed().create_queue(training.pid));
  const QueueInfo born = await<QueueBorn>().queue;
  // The driver gives the lowest number that is free; a stale id must not mean the new queue.
  EXPECT_EQ(born.kernel_id, before.back().kernel_id);
  EXPECT_NE(born.id, before.back().id);
  EventLog served;
  const Attached stale{.id = training.target.id, .queues = {before.back().id}};
  const Result<ControlDone> done = suspend_and_wait(backend(), stale, kLongLease, served);
  ASSERT_TRUE(done) << sentence(done);
  EXPECT_EQ(done->outcomes.at(0).outcome, Outcome::kInvalid);
  EXPECT_EQ(backend().queues(training.target.id).back().state, QueueState::kRunning);
  suspend(Attached{.id = training.target.id, .queues = {born.id}});
}

TEST_P(DestroyTest, ProcessWithoutAQueueHasNoneToDestroy) {
  const Training training = start_training();
  destroy(training.pid);
  ASSERT_TRUE(returns(training.pid, milliseconds(100)));
  EXPECT_EQ(code_of(testbed().destroy_queue(training.pid)), Errc::kInvalidArgument);
  testbed().exit(training.pid);
  EXPECT_EQ(code_of(testbed().destroy_queue(training.pid)), Errc::kProcessExited);
}

class RuntimeTest : public DestroyTest {
 protected:
  void set_runtime(Pid pid, bool enabled) {
    const Result<void> begun = testbed().set_runtime(pid, enabled);
    ASSERT_TRUE(begun) << sentence(begun);
  }
};
GPREEMPT_IN_EVERY_WORLD(RuntimeTest);

TEST_P(RuntimeTest, ControllerLetsAProcessEndItsRuntime) {
  const Training training = start_training();
  set_runtime(training.pid, false);
  EXPECT_TRUE(returns(training.pid, milliseconds(100)));
}

TEST_P(RuntimeTest, EndOfTheRuntimeResumesAndALaterResumeSucceeds) {
  const Training training = start_training();
  suspend(training.target);
  set_runtime(training.pid, false);
  EXPECT_TRUE(returns(training.pid, milliseconds(100)));
  EXPECT_TRUE(makes_progress(training.pid));
  resume(training.target);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(RuntimeTest, ProcessWithoutARuntimeIsBusyAndNotGone) {
  const Training training = start_training();
  set_runtime(training.pid, false);
  ASSERT_TRUE(returns(training.pid, milliseconds(100)));
  ASSERT_TRUE(backend().control(training.target.id, training.target.queues, kSuspend));
  const ControlDone refused = await<ControlDone>();
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->code, Errc::kBusy) << refused.error->what;
  EXPECT_NE(refused.error->what.find("runtime"), std::string::npos) << refused.error->what;
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(RuntimeTest, RuntimeStartedUnderControlCanBeSuspended) {
  const Training training = start_training();
  destroy(training.pid);
  ASSERT_TRUE(returns(training.pid, milliseconds(100)));
  set_runtime(training.pid, false);
  ASSERT_TRUE(returns(training.pid, milliseconds(100)));
  set_runtime(training.pid, true);
  ASSERT_TRUE(returns(training.pid, milliseconds(100)));
  ASSERT_TRUE(testbed().create_queue(training.pid));
  const QueueInfo born = await<QueueBorn>().queue;
  suspend(Attached{.id = training.target.id, .queues = {born.id}});
}

}  // namespace
}  // namespace gpreempt::contract
