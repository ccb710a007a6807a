// Goal: a suspension costs time, never work.
// Method: jobs of a known size are suspended at many points; at the end the sums must be right.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

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

namespace gpreempt::contract {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class ResumeTest : public BackendTest {
 protected:
  void expect_all_done(Pid pid, const Program& program) {
    const Total total = total_of(program);
    wait_for_end_of(pid, program);
    // Longer than a batch: a kernel done twice would show.
    wait(milliseconds(50));
    EXPECT_EQ(progress(pid).requests_completed, total.requests);
    EXPECT_EQ(progress(pid).kernels, total.kernels);
    EXPECT_EQ(progress(pid).work, total.work);
  }
};
GPREEMPT_IN_EVERY_WORLD(ResumeTest);

TEST_P(ResumeTest, AllProgressIsMadeAfterResume) {
  const Program batches = offline_batches(4);
  const Pid pid = launch(batches);
  start_and_wait_for_work(pid);
  const Attached target = attach(pid);
  suspend(target);
  EXPECT_LT(progress(pid).requests_completed, total_of(batches).requests);
  wait(milliseconds(20));
  resume(target);
  expect_all_done(pid, batches);
}

TEST_P(ResumeTest, WorkSurvivesManySuspensions) {
  const Program batches = offline_batches(8, 2);
  const Pid pid = launch(batches);
  const Attached target = attach(pid);
  testbed().start();
  // The gaps drift through the kernels, so that they are interrupted at different places.
  constexpr int kSuspensions = 12;
  for (int i = 0; i < kSuspensions; ++i) {
    wait(microseconds(1700) + i * microseconds(130));
    suspend(target);
    resume(target);
  }
  expect_all_done(pid, batches);
}

TEST_P(ResumeTest, WorkSubmittedWhileSuspendedIsDoneAfterResume) {
  Program batches = offline_batches(3);
  batches.arrivals.at(1).at = milliseconds(40);
  batches.arrivals.at(2).at = milliseconds(60);
  const Pid pid = launch(batches);
  const Attached target = attach(pid);
  suspend(target);
  testbed().start();
  wait(milliseconds(100));
  EXPECT_EQ(progress(pid).work, Duration::zero());
  EXPECT_EQ(testbed().requests(pid).size(), 3U);
  resume(target);
  expect_all_done(pid, batches);
}

TEST_P(ResumeTest, RunningQueueMayBeResumed) {
  const Training training = start_training();
  resume(training.target);
  EXPECT_EQ(backend().queues(training.target.id).at(0).state, QueueState::kRunning);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(ResumeTest, OnlyTheQueuesNamedAreResumed) {
  const Pid pid = launch(offline_training(2));
  start_and_wait_for_work(pid);
  const Attached target = attach(pid);
  ASSERT_EQ(target.queues.size(), 2U);
  suspend(target);
  const ProgramProgress before = progress(pid);
  // The work is on the oldest queue.
  resume(Attached{.id = target.id, .queues = {target.queues.back()}});
  wait(milliseconds(100));
  EXPECT_EQ(progress(pid).work, before.work);
  resume(Attached{.id = target.id, .queues = {target.queues.front()}});
  EXPECT_TRUE(makes_progress(pid));
}

TEST_P(ResumeTest, DetachResumes) {
  const Training training = start_training();
  suspend(training.target);
  const Result<void> detached = backend().detach(training.target.id);
  ASSERT_TRUE(detached) << sentence(detached);
  EXPECT_EQ(await<DetachDone>().target, training.target.id);
  EXPECT_TRUE(makes_progress(training.pid));
  EXPECT_TRUE(backend().queues(training.target.id).empty());
}

TEST_P(ResumeTest, CloseLeavesEverythingRunningAndMayBeRepeated) {
  const Pid first = launch(offline_training());
  const Pid second = launch(offline_training());
  start_and_wait_for_work(first);
  suspend(attach(first));
  suspend(attach(second));
  for (int i = 0; i < 2; ++i) {
    const Result<void> closed = backend().close();
    EXPECT_TRUE(closed) << sentence(closed);
  }
  EXPECT_TRUE(makes_progress(first));
  EXPECT_TRUE(makes_progress(second));
}

TEST_P(ResumeTest, CloseWithARequestInFlightLeavesEverythingRunning) {
  const Training training = start_training();
  ASSERT_TRUE(backend().control(training.target.id, training.target.queues,
                                Suspend{.grace = std::nullopt, .lease = kLongLease}));
  const Result<void> closed = backend().close();
  EXPECT_TRUE(closed) << sentence(closed);
  EXPECT_TRUE(makes_progress(training.pid));
}

}  // namespace
}  // namespace gpreempt::contract
