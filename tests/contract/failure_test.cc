// Goal: a call that fails in hardware, for all queues or for some, is told apart queue by queue, is
// over in bounded time, and leaves everybody else as they were.
// Method: firmware stops answering; on a machine of two GPUs only one of them does. The driver
// waits 9 s for it (queue_preemption_timeout_ms of amdkfd), then resets the GPU.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

#define GPREEMPT_SKIP_WITHOUT_TWO_GPUS() \
  if (backend().info().gpus.size() < 2) GTEST_SKIP() << "needs two GPUs, this world has one"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kFenceTimeout = seconds(9);
/// The reset of a GPU, with time to spare.
constexpr Duration kReset = seconds(20);

class FailureTest : public BackendTest {
 protected:
  void hang(std::size_t gpu) {
    const Result<void> hung = testbed().hang_firmware(backend().info().gpus.at(gpu).id);
    ASSERT_TRUE(hung) << sentence(hung);
  }
  ControlDone ask(const Attached& target, const Control& control) {
    const auto request = backend().control(target.id, target.queues, control);
    EXPECT_TRUE(request) << sentence(request);
    return await<ControlDone>();
  }
  static std::vector<Outcome> outcomes_of(const ControlDone& done) {
    std::vector<Outcome> outcomes;
    for (const QueueOutcome& each : done.outcomes) {
      outcomes.push_back(each.outcome);
    }
    return outcomes;
  }
};
GPREEMPT_IN_EVERY_WORLD(FailureTest);

TEST_P(FailureTest, SuspendThatFirmwareDoesNotAnswerFailsForEveryQueueAfterTheDriversTimeout) {
  const Pid pid = launch(offline_training(2));
  start_and_wait_for_work(pid);
  const Attached target = attach(pid);
  hang(0);
  const ControlDone done = ask(target, kSuspend);
  // The call itself returns no error: the ids do.
  EXPECT_FALSE(done.error);
  EXPECT_EQ(outcomes_of(done), (std::vector<Outcome>{Outcome::kError, Outcome::kError}));
  EXPECT_GE(done.done - done.issued, kFenceTimeout);
  EXPECT_LT(done.done - done.issued, kFenceTimeout + seconds(1));
}

TEST_P(FailureTest, FailedSuspendIsNoSuccessLaterEither) {
  const Training training = start_training();
  hang(0);
  ask(training.target, kSuspend);
  // While the GPU is being reset the driver refuses each change, at once.
  const ControlDone again = ask(training.target, Resume{});
  EXPECT_EQ(outcomes_of(again), std::vector<Outcome>{Outcome::kError});
  EXPECT_LT(again.done - again.issued, seconds(1));
}

TEST_P(FailureTest, TargetOfAFailedSuspendCanBeLetGo) {
  const Training training = start_training();
  hang(0);
  ask(training.target, kSuspend);
  ASSERT_TRUE(backend().detach(training.target.id));
  await<DetachDone>();
}

TEST_P(FailureTest, ControllerMayDieWhileFirmwareHangs) {
  const Training training = start_training();
  hang(0);
  ASSERT_TRUE(backend().control(training.target.id, training.target.queues, kSuspend));
  wait(seconds(1));
  kill_controller();
  wait(kFenceTimeout + kReset);
  const Result<void> enabled = testbed().probe().enable(training.pid);
  EXPECT_TRUE(enabled) << sentence(enabled);
}

TEST_P(FailureTest, GpuServesNewProcessesAfterItsReset) {
  const Training training = start_training();
  hang(0);
  ask(training.target, kSuspend);
  wait(kReset);
  const Pid late = launch(offline_training());
  start_and_wait_for_work(late);
  const Attached target = attach(late);
  suspend(target);
  const ProgramProgress before = progress(late);
  wait(milliseconds(100));
  EXPECT_EQ(progress(late).work, before.work);
  resume(target);
  EXPECT_TRUE(makes_progress(late));
}

TEST_P(FailureTest, QueuesOfAHealthyGpuAreSuspendedThoughThoseOfAnotherFail) {
  GPREEMPT_SKIP_WITHOUT_TWO_GPUS();
  const Training training = start_on_two_gpus();
  hang(1);
  const ControlDone done = ask(training.target, kSuspend);
  EXPECT_EQ(outcomes_of(done), (std::vector<Outcome>{Outcome::kOk, Outcome::kError}));
  const ProgramProgress before = progress(training.pid);
  wait(milliseconds(100));
  EXPECT_EQ(progress(training.pid).work, before.work);
  // What succeeded can be undone by itself.
  resume(Attached{.id = training.target.id, .queues = {training.target.queues.front()}});
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(FailureTest, FailureOnTheFirstGpuOfACallIsNotThatOfTheSecond) {
  GPREEMPT_SKIP_WITHOUT_TWO_GPUS();
  const Training training = start_on_two_gpus();
  hang(0);
  const ControlDone done = ask(training.target, kSuspend);
  EXPECT_EQ(outcomes_of(done), (std::vector<Outcome>{Outcome::kError, Outcome::kOk}));
}

TEST_P(FailureTest, FirstGpuOfACallIsOffWhileTheSecondHangs) {
  GPREEMPT_SKIP_WITHOUT_TWO_GPUS();
  const Training training = start_on_two_gpus();
  hang(1);
  // The driver serves them in the order of the process' devices, one after the other.
  ASSERT_TRUE(backend().control(training.target.id, training.target.queues, kSuspend));
  wait(seconds(1));
  EXPECT_FALSE(makes_progress(training.pid));
  await<ControlDone>();
}

TEST_P(FailureTest, HangOfOneGpuDisturbsNobodyOnAnother) {
  GPREEMPT_SKIP_WITHOUT_TWO_GPUS();
  Program elsewhere = offline_training();
  elsewhere.gpu = 1;
  const Pid bystander = launch(elsewhere);
  const Training training = start_training();
  hang(0);
  ASSERT_TRUE(backend().control(training.target.id, training.target.queues, kSuspend));
  wait(seconds(1));
  EXPECT_TRUE(makes_progress(bystander));
  await<ControlDone>();
  const Attached other = attach(bystander);
  suspend(other);
  resume(other);
  EXPECT_TRUE(makes_progress(bystander));
}

TEST_P(FailureTest, IdOfNoGpuIsRefused) {
  EXPECT_EQ(code_of(testbed().hang_firmware(GpuId(0))), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace gpreempt::contract
