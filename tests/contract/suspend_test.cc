// Goal: a suspension does what it says, for as long as it says, and only to whom it may.
// Method: an Offline job without end is suspended; its progress is compared before and after.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
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

class SuspendTest : public BackendTest {};
GPREEMPT_IN_EVERY_WORLD(SuspendTest);

TEST_P(SuspendTest, SuspendedQueueMakesNoProgress) {
  const Training training = start_training();
  suspend(training.target);
  const ProgramProgress before = progress(training.pid);
  wait(milliseconds(200));
  EXPECT_EQ(progress(training.pid).work, before.work);
  EXPECT_EQ(progress(training.pid).kernels, before.kernels);
}

TEST_P(SuspendTest, SuspendingASuspendedQueueSucceedsAndCostsAFullCycle) {
  const Training training = start_training();
  suspend(training.target);
  const ProgramProgress before = progress(training.pid);
  const std::size_t calls = testbed().driver_calls().size();
  suspend(training.target);
  EXPECT_EQ(progress(training.pid).work, before.work);
  ASSERT_EQ(testbed().driver_calls().size(), calls + 1);
  const DriverCall& call = testbed().driver_calls().back();
  EXPECT_EQ(call.kind, ControlKind::kSuspend);
  EXPECT_GT(call.done, call.called);
  // It is one suspension, not two: one resume ends it.
  resume(training.target);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(SuspendTest, RequestIsIssuedBeforeItIsDone) {
  const Training training = start_training();
  const Instant before = backend().now();
  const ControlDone done = suspend(training.target);
  EXPECT_LE(before, done.issued);
  EXPECT_LT(done.issued, done.done);
  EXPECT_LE(done.done, backend().now());
  EXPECT_EQ(done.kind, ControlKind::kSuspend);
  EXPECT_EQ(done.target, training.target.id);
}

TEST_P(SuspendTest, OutcomesComeOnePerQueueInTheOrderAsked) {
  const Pid pid = launch(offline_training(3));
  start_and_wait_for_work(pid);
  Attached target = attach(pid);
  ASSERT_EQ(target.queues.size(), 3U);
  std::reverse(target.queues.begin(), target.queues.end());
  const ControlDone done = suspend(target);
  std::vector<QueueId> answered;
  for (const QueueOutcome& each : done.outcomes) {
    answered.push_back(each.id);
  }
  EXPECT_EQ(answered, target.queues);
}

TEST_P(SuspendTest, OtherQueuesOfTheProcessKeepRunning) {
  const Pid pid = launch(offline_training(2));
  start_and_wait_for_work(pid);
  Attached target = attach(pid);
  ASSERT_EQ(target.queues.size(), 2U);
  // The work is on the oldest queue.
  target.queues.erase(target.queues.begin());
  suspend(target);
  EXPECT_TRUE(makes_progress(pid));
}

TEST_P(SuspendTest, StateOfAQueueFollowsItsControls) {
  const Training training = start_training();
  const auto state = [&] {
    const std::vector<QueueInfo> queues = backend().queues(training.target.id);
    return queues.size() == 1 ? std::optional(queues.front().state) : std::nullopt;
  };
  EXPECT_EQ(state(), QueueState::kRunning);
  suspend(training.target);
  EXPECT_EQ(state(), QueueState::kSuspended);
  resume(training.target);
  EXPECT_EQ(state(), QueueState::kRunning);
}

TEST_P(SuspendTest, SecondRequestInFlightIsRefusedAsBusy) {
  const Training training = start_training();
  ASSERT_TRUE(backend().control(training.target.id, training.target.queues, kSuspend));
  const auto second = backend().control(training.target.id, training.target.queues, kSuspend);
  EXPECT_EQ(code_of(second), Errc::kBusy);
  EXPECT_EQ(code_of(backend().control(training.target.id, training.target.queues, Resume{})),
            Errc::kBusy);
  EXPECT_EQ(code_of(backend().detach(training.target.id)), Errc::kBusy);
  // The refused ones leave no trace: one request, one answer, and then the target is free again.
  await<ControlDone>();
  resume(training.target);
  EXPECT_EQ(count_of<ControlDone>(log()), 2U);
}

TEST_P(SuspendTest, OneTargetsRequestDoesNotBlockAnothers) {
  const Pid first = launch(offline_training());
  const Pid second = launch(offline_training());
  start_and_wait_for_work(first);
  const Attached first_target = attach(first);
  const Attached second_target = attach(second);
  ASSERT_TRUE(backend().control(first_target.id, first_target.queues, kSuspend));
  ASSERT_TRUE(backend().control(second_target.id, second_target.queues, kSuspend));
  const ControlDone one = await<ControlDone>();
  const ControlDone other = await<ControlDone>();
  EXPECT_NE(one.target, other.target);
  const Duration work = progress(first).work + progress(second).work;
  wait(milliseconds(100));
  EXPECT_EQ(progress(first).work + progress(second).work, work);
}

TEST_P(SuspendTest, ForeignQueueIsRefused) {
  const Training training = start_training();
  const Attached other = attach(launch(offline_training()));
  EXPECT_EQ(code_of(backend().control(training.target.id, other.queues, kSuspend)),
            Errc::kInvalidArgument);
  const std::array<QueueId, 1> unknown{QueueId(0xFFFF)};
  EXPECT_EQ(code_of(backend().control(training.target.id, unknown, kSuspend)),
            Errc::kInvalidArgument);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(SuspendTest, MalformedRequestIsRefused) {
  const Training training = start_training();
  const TargetId id = training.target.id;
  EXPECT_EQ(code_of(backend().control(id, {}, kSuspend)), Errc::kInvalidArgument);
  std::vector<QueueId> twice = training.target.queues;
  twice.insert(twice.end(), training.target.queues.begin(), training.target.queues.end());
  EXPECT_EQ(code_of(backend().control(id, twice, kSuspend)), Errc::kInvalidArgument);
  const Suspend endless{.grace = std::nullopt, .lease = Duration::zero()};
  EXPECT_EQ(code_of(backend().control(id, training.target.queues, endless)),
            Errc::kInvalidArgument);
  EXPECT_EQ(code_of(backend().control(TargetId(0xFFFF), training.target.queues, kSuspend)),
            Errc::kInvalidArgument);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(SuspendTest, ObservedTargetIsNeverControlled) {
  const Training training = start_training();
  const Pid online = launch(online_service(1, milliseconds(100)));
  const Attached observed = attach(online, AttachMode::kObserve);
  const std::size_t calls = testbed().driver_calls().size();
  EXPECT_EQ(code_of(backend().control(observed.id, training.target.queues, kSuspend)),
            Errc::kNotPermitted);
  EXPECT_EQ(code_of(backend().control(observed.id, training.target.queues, Resume{})),
            Errc::kNotPermitted);
  EXPECT_EQ(testbed().driver_calls().size(), calls);
}

TEST_P(SuspendTest, ObservedProcessIsNeitherTracedNorDebuggedAtAnyTime) {
  const Training training = start_training();
  const Pid online = launch(online_service(20, milliseconds(2)));
  attach(online, AttachMode::kObserve);
  testbed().start();
  // Whoever is traced, or has a session, refuses another debugger.
  const auto is_free = [&] {
    const Result<void> enabled = testbed().probe().enable(online);
    const Result<void> disabled = testbed().probe().disable(online);
    return enabled.has_value() && disabled.has_value();
  };
  EXPECT_TRUE(is_free());
  suspend(training.target);
  EXPECT_TRUE(is_free());
  serve_for(milliseconds(20));
  EXPECT_TRUE(is_free());
  resume(training.target);
  EXPECT_TRUE(is_free());
  for (const DriverCall& call : testbed().driver_calls()) {
    EXPECT_NE(call.target, online);
  }
}

TEST_P(SuspendTest, ControlThatIsMissingIsRefusedWithItsReason) {
  const Training training = start_training();
  const std::array<Control, 7> optional_controls{
      Percentage{}, Priority{}, CuMask{}, Throttle{}, Signal{}, Reset{}, SelectiveUnmap{}};
  for (const Control& control : optional_controls) {
    const std::string& reason = backend().info().missing(kind_of(control));
    if (reason.empty()) {
      continue;
    }
    const auto refused = backend().control(training.target.id, training.target.queues, control);
    ASSERT_EQ(code_of(refused), Errc::kUnsupported) << to_string(kind_of(control));
    EXPECT_NE(sentence(refused).find(reason), std::string::npos) << sentence(refused);
  }
}

TEST_P(SuspendTest, ExpiredLeaseResumesTheQueuesAndSaysSo) {
  const Training training = start_training();
  const Duration lease = milliseconds(50);
  const ControlDone done = suspend(training.target, lease);
  const ProgramProgress before = progress(training.pid);
  const LeaseExpired expired = await<LeaseExpired>();
  EXPECT_EQ(expired.target, training.target.id);
  EXPECT_EQ(expired.queues, training.target.queues);
  EXPECT_GE(log().back().at, done.issued + lease);
  EXPECT_GE(progress(training.pid).work, before.work);
  EXPECT_TRUE(makes_progress(training.pid));
  EXPECT_EQ(testbed().driver_calls().back().kind, ControlKind::kResume);
  EXPECT_EQ(backend().queues(training.target.id).at(0).state, QueueState::kRunning);
}

TEST_P(SuspendTest, LeaseEndsWithAResume) {
  const Training training = start_training();
  const Duration lease = milliseconds(100);
  suspend(training.target, lease);
  resume(training.target);
  serve_for(2 * lease);
  EXPECT_EQ(count_of<LeaseExpired>(log()), 0U);
}

TEST_P(SuspendTest, LeaseIsKeptWhileNobodyServesEvents) {
  const Training training = start_training();
  suspend(training.target, milliseconds(50));
  const ProgramProgress before = progress(training.pid);
  // The caller is busy elsewhere: the suspension ends all the same.
  wait(milliseconds(500));
  EXPECT_GT(progress(training.pid).work, before.work);
  EXPECT_EQ(await<LeaseExpired>().queues, training.target.queues);
}

}  // namespace
}  // namespace gpreempt::contract
