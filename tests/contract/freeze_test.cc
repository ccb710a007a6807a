// Goal: a controller that is stopped is not dead: it keeps what it holds, and either goes on or is
// killed; then nothing stays suspended, and nobody stays caught in a handshake with it.
// Method: it is frozen while it holds a job suspended, and while the job starts or ends its
// runtime.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

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
using std::chrono::seconds;

class FreezeTest : public BackendTest {
 protected:
  /// False, and the test is skipped, where a controller cannot be frozen.
  bool freeze() {
    const Result<void> frozen = testbed().freeze_controller();
    if (code_of(frozen) == Errc::kUnsupported) {
      reason_ = sentence(frozen);
      return false;
    }
    EXPECT_TRUE(frozen) << sentence(frozen);
    return true;
  }
  void thaw() {
    const Result<void> thawed = testbed().thaw_controller();
    EXPECT_TRUE(thawed) << sentence(thawed);
  }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  std::string reason_;
};
GPREEMPT_IN_EVERY_WORLD(FreezeTest);

#define GPREEMPT_FREEZE_OR_SKIP() \
  if (!freeze()) GTEST_SKIP() << reason()

TEST_P(FreezeTest, FrozenControllerEndsNoSuspension) {
  const Training training = start_training();
  const Duration lease = milliseconds(50);
  suspend(training.target, lease);
  const ProgramProgress before = progress(training.pid);
  GPREEMPT_FREEZE_OR_SKIP();
  // This is what a watchdog is for: the driver knows no leases.
  wait(10 * lease);
  EXPECT_EQ(progress(training.pid).work, before.work);
  thaw();
}

TEST_P(FreezeTest, ThawedControllerEndsTheLeaseThatRanOutMeanwhile) {
  const Training training = start_training();
  const Duration lease = milliseconds(50);
  suspend(training.target, lease);
  GPREEMPT_FREEZE_OR_SKIP();
  wait(4 * lease);
  const Instant thawed = backend().now();
  thaw();
  EXPECT_EQ(await<LeaseExpired>().queues, training.target.queues);
  EXPECT_LT(backend().now(), thawed + lease);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(FreezeTest, ThawedControllerAnswersWhatItWasAskedBefore) {
  const Training training = start_training();
  ASSERT_TRUE(backend().control(training.target.id, training.target.queues, kSuspend));
  GPREEMPT_FREEZE_OR_SKIP();
  wait(seconds(1));
  thaw();
  const ControlDone done = await<ControlDone>();
  EXPECT_FALSE(done.error);
  const ProgramProgress before = progress(training.pid);
  wait(milliseconds(100));
  EXPECT_EQ(progress(training.pid).work, before.work);
  resume(training.target);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(FreezeTest, FrozenControllerDisturbsNoTargetThatRuns) {
  const Program batches = offline_batches(6);
  const Pid pid = launch(batches);
  start_and_wait_for_work(pid);
  attach(pid);
  GPREEMPT_FREEZE_OR_SKIP();
  wait_for_end_of(pid, batches);
  EXPECT_EQ(progress(pid).kernels, total_of(batches).kernels);
  thaw();
}

TEST_P(FreezeTest, KillingAFrozenControllerLeavesNothingSuspended) {
  const Training training = start_training();
  suspend(training.target);
  GPREEMPT_FREEZE_OR_SKIP();
  wait(milliseconds(100));
  kill_controller();
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(FreezeTest, ProcessThatEndsItsRuntimeWaitsForAFrozenController) {
  const Training training = start_training();
  GPREEMPT_FREEZE_OR_SKIP();
  ASSERT_TRUE(testbed().set_runtime(training.pid, false));
  wait(seconds(1));
  EXPECT_EQ(testbed().calls_in_driver(training.pid), 1U);
  thaw();
  EXPECT_TRUE(wait_until(testbed(), [&] { return testbed().calls_in_driver(training.pid) == 0; }));
}

TEST_P(FreezeTest, RescueFreesAProcessThatADeadControllerLeftInItsHandshake) {
  const Training training = start_training();
  GPREEMPT_FREEZE_OR_SKIP();
  ASSERT_TRUE(testbed().set_runtime(training.pid, false));
  wait(milliseconds(100));
  kill_controller();
  wait(seconds(1));
  // The end of the session wakes nobody who waits in the handshake.
  ASSERT_EQ(testbed().calls_in_driver(training.pid), 1U);
  const Result<void> rescued = testbed().rescue(training.pid);
  if (code_of(rescued) == Errc::kUnsupported) {
    GTEST_SKIP() << sentence(rescued);
  }
  ASSERT_TRUE(rescued) << sentence(rescued);
  EXPECT_TRUE(wait_until(
      testbed(), [&] { return testbed().calls_in_driver(training.pid) == 0; }, seconds(1)));
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(FreezeTest, RescueLeavesTheTargetOfALivingControllerAlone) {
  const Training training = start_training();
  suspend(training.target);
  const ProgramProgress before = progress(training.pid);
  const Result<void> rescued = testbed().rescue(training.pid);
  if (code_of(rescued) == Errc::kUnsupported) {
    GTEST_SKIP() << sentence(rescued);
  }
  EXPECT_EQ(code_of(rescued), Errc::kNotPermitted);
  wait(milliseconds(100));
  EXPECT_EQ(progress(training.pid).work, before.work);
}

}  // namespace
}  // namespace gpreempt::contract
