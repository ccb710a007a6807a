// Goal: nothing stays suspended after the controller dies, whenever that is.
// Method: it is killed at many points of its life; then the Offline job must run.
#include <gtest/gtest.h>

#include <chrono>

#include "core/backend.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/contract/scheduled_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ControllerTest : public ScheduledTest {
 protected:
  /// Another debugger may have the process: nothing of the dead one is left on it.
  void expect_free(Pid pid) {
    const Result<void> enabled = testbed().probe().enable(pid);
    ASSERT_TRUE(enabled) << sentence(enabled);
    const Result<void> disabled = testbed().probe().disable(pid);
    EXPECT_TRUE(disabled) << sentence(disabled);
  }
};
GPREEMPT_IN_EVERY_WORLD(ControllerTest);

TEST_P(ControllerTest, NothingStaysSuspendedAfterItDies) {
  const Training training = start_training();
  suspend(training.target);
  kill_controller();
  EXPECT_TRUE(makes_progress(training.pid));
  wait(seconds(1));  // the queues run before the driver is done with the end of the session
  expect_free(training.pid);
}

TEST_P(ControllerTest, NoneOfSeveralTargetsStaysSuspendedAfterItDies) {
  const Pid first = launch(offline_training());
  const Pid second = launch(offline_training(2));
  start_and_wait_for_work(first);
  suspend(attach(first));
  suspend(attach(second));
  kill_controller();
  EXPECT_TRUE(makes_progress(first));
  EXPECT_TRUE(makes_progress(second));
}

TEST_P(ControllerTest, NothingStaysSuspendedWhenItDiesWithARequestInFlight) {
  const Duration whole = [this] {
    const ControlDone done = suspend(start_training().target);
    return done.done - done.issued;
  }();
  constexpr int kPoints = 16;
  for (int point = 0; point <= kPoints; ++point) {
    SCOPED_TRACE(point);
    reopen();
    const Training training = start_training();
    ASSERT_TRUE(backend().control(training.target.id, training.target.queues, kSuspend));
    if (point > 0) {
      wait(whole * point / kPoints);
    }
    kill_controller();
    // What had reached the driver may still take effect before its end does.
    wait(seconds(1));
    EXPECT_TRUE(makes_progress(training.pid));
    expect_free(training.pid);
  }
}

TEST_P(ControllerTest, TargetIsFreeWhenItDiesWhileItAttaches) {
  const Duration whole = [this] {
    const Pid pid = launch(offline_training());
    const Instant before = backend().now();
    attach(pid);
    return backend().now() - before;
  }();
  constexpr int kPoints = 16;
  for (int point = 0; point <= kPoints; ++point) {
    SCOPED_TRACE(point);
    reopen();
    const Pid pid = launch(offline_training());
    start_and_wait_for_work(pid);
    ASSERT_TRUE(backend().attach(pid, AttachMode::kControl));
    if (point > 0) {
      wait(whole * point / kPoints);
    }
    kill_controller();
    wait(seconds(1));
    EXPECT_TRUE(makes_progress(pid));
    expect_free(pid);
  }
}

TEST_P(ControllerTest, NothingStaysSuspendedWhenItDiesWhileItDrives) {
  constexpr int kEvents = 12;
  for (int events = 1; events <= kEvents; ++events) {
    SCOPED_TRACE(events);
    reopen();
    prepare("suspend", online_service(4, milliseconds(60)));
    testbed().start();
    EventSink nowhere;
    int served = 0;
    drive_for(seconds(1), nowhere, [&served, events] { return ++served == events; });
    EXPECT_EQ(served, events);
    kill_controller();
    wait(seconds(1));
    EXPECT_TRUE(makes_progress(offline()));
    wait_for_end_of(online(), service());
    expect_free(offline());
  }
}

TEST_P(ControllerTest, ItsDeathDisturbsNoTargetThatRuns) {
  const Program batches = offline_batches(6);
  const Pid pid = launch(batches);
  start_and_wait_for_work(pid);
  attach(pid);
  kill_controller();
  wait_for_end_of(pid, batches);
  EXPECT_EQ(progress(pid).kernels, total_of(batches).kernels);
}

}  // namespace
}  // namespace gpreempt::contract
