// Goal: processes come and go, and may belong to others; the backend says so and goes on.
// Method: attach to processes that are gone, taken or attached already; end them at bad moments.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>

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

class TargetTest : public BackendTest {
 protected:
  /// Attaches and returns the error of `AttachDone`.
  std::optional<Error> error_of_attach(Pid pid, AttachMode mode) {
    const Result<TargetId> target = backend().attach(pid, mode);
    EXPECT_TRUE(target) << sentence(target);
    const AttachDone done = await<AttachDone>();
    EXPECT_EQ(done.target, target.value_or(TargetId{}));
    return done.error;
  }
};
GPREEMPT_IN_EVERY_WORLD(TargetTest);

TEST_P(TargetTest, AttachToNoProcessReportsAnError) {
  const Pid nobody(2'000'000'000);  // over every limit of Linux
  for (const AttachMode mode : {AttachMode::kControl, AttachMode::kObserve}) {
    const std::optional<Error> error = error_of_attach(nobody, mode);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, Errc::kProcessExited) << error->what;
    EXPECT_NE(error->what.find("2000000000"), std::string::npos) << error->what;
  }
}

TEST_P(TargetTest, FailedAttachLeavesADeadId) {
  const Result<TargetId> target = backend().attach(Pid(2'000'000'000), AttachMode::kControl);
  ASSERT_TRUE(target) << sentence(target);
  EXPECT_TRUE(await<AttachDone>().error);
  EXPECT_TRUE(backend().queues(*target).empty());
  EXPECT_EQ(code_of(backend().detach(*target)), Errc::kInvalidArgument);
}

TEST_P(TargetTest, SecondAttachToAProcessIsRefused) {
  const Training training = start_training();
  EXPECT_EQ(code_of(backend().attach(training.pid, AttachMode::kControl)), Errc::kInvalidArgument);
  EXPECT_EQ(code_of(backend().attach(training.pid, AttachMode::kObserve)), Errc::kInvalidArgument);
  suspend(training.target);
}

TEST_P(TargetTest, DetachedProcessCanBeAttachedAgain) {
  const Training training = start_training();
  ASSERT_TRUE(backend().detach(training.target.id));
  await<DetachDone>();
  const Attached again = attach(training.pid);
  EXPECT_NE(again.id, training.target.id);
  ASSERT_EQ(again.queues.size(), 1U);
  const ProgramProgress before = progress(training.pid);
  suspend(again);
  resume(again);
  EXPECT_TRUE(makes_progress(training.pid));
  EXPECT_GE(progress(training.pid).work, before.work);
}

TEST_P(TargetTest, UnknownTargetCannotBeDetached) {
  EXPECT_EQ(code_of(backend().detach(TargetId(0xFFFF))), Errc::kInvalidArgument);
  EXPECT_TRUE(backend().queues(TargetId(0xFFFF)).empty());
}

TEST_P(TargetTest, ProcessHeldByAnotherDebuggerIsRefused) {
  const Pid pid = launch(offline_training());
  const Result<void> taken = testbed().probe().enable(pid);
  ASSERT_TRUE(taken) << sentence(taken);
  EXPECT_TRUE(error_of_attach(pid, AttachMode::kControl));
  const Result<void> given_back = testbed().probe().disable(pid);
  ASSERT_TRUE(given_back) << sentence(given_back);
  suspend(attach(pid));
}

TEST_P(TargetTest, AttachingDisturbsNoWork) {
  const Program batches = offline_batches(4);
  const Pid pid = launch(batches);
  start_and_wait_for_work(pid);
  const Attached target = attach(pid);
  ASSERT_TRUE(backend().detach(target.id));
  await<DetachDone>();
  wait_for_end_of(pid, batches);
  EXPECT_EQ(progress(pid).kernels, total_of(batches).kernels);
  EXPECT_EQ(progress(pid).work, total_of(batches).work);
}

TEST_P(TargetTest, ExitIsReported) {
  const Training training = start_training();
  testbed().exit(training.pid);
  EXPECT_EQ(await<TargetExited>().target, training.target.id);
}

TEST_P(TargetTest, ExitOfAnObservedProcessIsReported) {
  const Pid pid = launch(online_service(1, milliseconds(1)));
  const Attached target = attach(pid, AttachMode::kObserve);
  testbed().exit(pid);
  EXPECT_EQ(await<TargetExited>().target, target.id);
}

TEST_P(TargetTest, ExitWhileSuspendedIsReportedAndLaterCallsFailCleanly) {
  const Pid other = launch(offline_training());
  const Training training = start_training();
  const Attached other_target = attach(other);
  suspend(training.target);
  testbed().exit(training.pid);
  EXPECT_EQ(await<TargetExited>().target, training.target.id);
  const auto control = backend().control(training.target.id, training.target.queues, kSuspend);
  EXPECT_EQ(code_of(control), Errc::kInvalidArgument);
  EXPECT_EQ(code_of(backend().detach(training.target.id)), Errc::kInvalidArgument);
  EXPECT_TRUE(backend().queues(training.target.id).empty());
  // The others are served as before.
  suspend(other_target);
  resume(other_target);
  EXPECT_TRUE(makes_progress(other));
}

TEST_P(TargetTest, RequestIsAnsweredWhenItsTargetExits) {
  const Training training = start_training();
  const auto request = backend().control(training.target.id, training.target.queues, kSuspend);
  ASSERT_TRUE(request) << sentence(request);
  testbed().exit(training.pid);
  serve_for(milliseconds(500));
  EXPECT_EQ(count_of<TargetExited>(log()), 1U);
  ASSERT_EQ(count_of<ControlDone>(log()), 1U);
  for (const Event& event : log()) {
    if (const auto* const done = std::get_if<ControlDone>(&event.what)) {
      EXPECT_EQ(done->request, *request);
      EXPECT_EQ(done->outcomes.size(), training.target.queues.size());
    }
  }
}

TEST_P(TargetTest, ExitDoesNotEndTheSuspensionOfAnother) {
  const Pid other = launch(offline_training());
  const Training training = start_training();
  suspend(attach(other));
  testbed().exit(training.pid);
  await<TargetExited>();
  const ProgramProgress before = progress(other);
  wait(milliseconds(100));
  EXPECT_EQ(progress(other).work, before.work);
}

}  // namespace
}  // namespace gpreempt::contract
