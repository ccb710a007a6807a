// Goal: asking again for what is already so succeeds, changes nothing, and costs a full cycle; ids
// that mean nothing are told so, one by one, and disturb nobody.
// Method: queues are asked twice, through the backend and through the driver's own interface.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
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
using Outcomes = std::vector<Outcome>;

class IdempotenceTest : public BackendTest {
 protected:
  void expect_full_cycle(ControlKind kind) {
    ASSERT_FALSE(testbed().driver_calls().empty());
    const DriverCall& call = testbed().driver_calls().back();
    EXPECT_EQ(call.kind, kind);
    for (const DriverPhase phase : {DriverPhase::kUnmap, DriverPhase::kMap}) {
      EXPECT_GT(call.phases.at(static_cast<std::size_t>(phase)), Duration::zero())
          << to_string(phase);
    }
  }
};
GPREEMPT_IN_EVERY_WORLD(IdempotenceTest);

TEST_P(IdempotenceTest, ResumingARunningQueueSucceedsAndCostsAFullCycle) {
  const Training training = start_training();
  for (int i = 0; i < 3; ++i) {
    const std::size_t calls = testbed().driver_calls().size();
    resume(training.target);
    ASSERT_EQ(testbed().driver_calls().size(), calls + 1);
    expect_full_cycle(ControlKind::kResume);
    EXPECT_EQ(backend().queues(training.target.id).at(0).state, QueueState::kRunning);
  }
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(IdempotenceTest, ResumingARunningQueuePreemptsABystander) {
  const Pid online = launch(online_service(50, milliseconds(20)));
  const Training training = start_training();
  wait(milliseconds(5));
  const Duration before = progress(online).bystander;
  resume(training.target);
  wait(milliseconds(5));
  EXPECT_GT(progress(online).bystander, before);
}

TEST_P(IdempotenceTest, ManySuspensionsOfOneQueueCostAFullCycleEachAndEndWithOneResume) {
  launch(offline_training());  // with nobody left to map a cycle is empty
  const Training training = start_training();
  for (int i = 0; i < 3; ++i) {
    suspend(training.target);
    expect_full_cycle(ControlKind::kSuspend);
  }
  resume(training.target);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(IdempotenceTest, SecondSuspensionReplacesTheLeaseOfTheFirst) {
  const Training training = start_training();
  suspend(training.target, milliseconds(50));
  suspend(training.target, milliseconds(500));
  serve_for(milliseconds(200));
  EXPECT_EQ(count_of<LeaseExpired>(log()), 0U);
  serve_for(milliseconds(500));
  EXPECT_EQ(count_of<LeaseExpired>(log()), 1U);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(IdempotenceTest, IdThatTheDriverDoesNotKnowIsInvalidAndTheOthersAreServed) {
  const Pid pid = launch(offline_training(2));
  start_and_wait_for_work(pid);
  ASSERT_TRUE(testbed().probe().enable(pid));
  const auto ids = testbed().probe().snapshot(pid, true);
  ASSERT_TRUE(ids) << sentence(ids);
  ASSERT_EQ(ids->size(), 2U);
  const std::uint32_t unknown = 777;
  const auto outcomes =
      testbed().probe().suspend(pid, {ids->front(), unknown, ids->back(), ids->front()});
  ASSERT_TRUE(outcomes) << sentence(outcomes);
  // Of an id that comes twice only the first place is answered.
  EXPECT_EQ(*outcomes,
            (Outcomes{Outcome::kOk, Outcome::kInvalid, Outcome::kOk, Outcome::kInvalid}));
  const ProgramProgress before = progress(pid);
  wait(milliseconds(50));
  EXPECT_EQ(progress(pid).work, before.work);
  EXPECT_TRUE(testbed().probe().disable(pid));
}

TEST_P(IdempotenceTest, CallOfUnknownIdsOnlyDisturbsNobody) {
  const Pid online = launch(online_service(50, milliseconds(20)));
  const Pid pid = launch(offline_training());
  start_and_wait_for_work(pid);
  ASSERT_TRUE(testbed().probe().enable(pid));
  wait(milliseconds(5));
  const Duration before = progress(online).bystander;
  const auto outcomes = testbed().probe().suspend(pid, {777, 778});
  ASSERT_TRUE(outcomes) << sentence(outcomes);
  EXPECT_EQ(*outcomes, (Outcomes{Outcome::kInvalid, Outcome::kInvalid}));
  wait(milliseconds(5));
  EXPECT_EQ(progress(online).bystander, before);
  EXPECT_TRUE(testbed().probe().disable(pid));
}

TEST_P(IdempotenceTest, IdsOfAnEarlierAttachmentAreRefused) {
  const Training training = start_training();
  ASSERT_TRUE(backend().detach(training.target.id));
  await<DetachDone>();
  EXPECT_EQ(code_of(backend().control(training.target.id, training.target.queues, kSuspend)),
            Errc::kInvalidArgument);
  const Attached again = attach(training.pid);
  EXPECT_EQ(code_of(backend().control(again.id, training.target.queues, kSuspend)),
            Errc::kInvalidArgument);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(IdempotenceTest, QueueThatIsGoneIsInvalidBesideOnesThatAreSuspended) {
  const Pid pid = launch(offline_training(3));
  start_and_wait_for_work(pid);
  const Attached target = attach(pid);
  ASSERT_TRUE(testbed().destroy_queue(pid));
  wait(milliseconds(50));
  EventLog served;
  const Result<ControlDone> done = suspend_and_wait(backend(), target, kLongLease, served);
  ASSERT_TRUE(done) << sentence(done);
  Outcomes outcomes;
  for (const QueueOutcome& each : done->outcomes) {
    outcomes.push_back(each.outcome);
  }
  EXPECT_EQ(outcomes, (Outcomes{Outcome::kOk, Outcome::kOk, Outcome::kInvalid}));
  EXPECT_EQ(count_of<QueueGone>(served), 1U);
}

}  // namespace
}  // namespace gpreempt::contract
