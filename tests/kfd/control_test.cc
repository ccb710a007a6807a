// Suspend and resume. Goal: the exact calls the driver sees and what becomes of each queue, for
// every answer the driver can give. Rules: the debugger ABI as Linux 6.12 implements it.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "tests/kfd/backend_test.h"

namespace gpreempt::kfd {
namespace {

using abi::TrapOp;

class ControlTest : public BackendTest {
 protected:
  void SetUp() override { open(); }
};

TEST_F(ControlTest, SuspendIsOneSnapshotAndOneCall) {
  const auto queues = attach({0, 1});
  const auto done = suspend(queues);
  EXPECT_FALSE(done.error);
  EXPECT_EQ(outcomes(done), (std::vector{Outcome::kOk, Outcome::kOk}));
  EXPECT_LE(done.issued, done.done);
  EXPECT_EQ(driver_.log(), (Log{"snapshot", "suspend 0 1"}));
}

TEST_F(ControlTest, ResumeIsOneCall) {
  const auto queues = attach({0, 1});
  (void)suspend(queues);
  driver_.clear_log();
  const auto done = resume(queues);
  EXPECT_EQ(done.kind, ControlKind::kResume);
  EXPECT_EQ(outcomes(done), (std::vector{Outcome::kOk, Outcome::kOk}));
  EXPECT_EQ(driver_.log(), (Log{"resume 0 1"}));
}

TEST_F(ControlTest, QueuesShowTheStateOfTheLastOutcome) {
  const auto queues = attach({0, 1});
  (void)suspend({queues[1]});
  const auto seen = backend_->queues(target_);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].state, QueueState::kRunning);
  EXPECT_EQ(seen[1].state, QueueState::kSuspended);
  (void)resume({queues[1]});
  EXPECT_EQ(backend_->queues(target_)[1].state, QueueState::kRunning);
}

TEST_F(ControlTest, InvalidIsRetriedOnceAfterASnapshot) {
  const auto queues = attach({0, 1});
  driver_.set_suspend_status(1, {abi::kQueueInvalid});
  const auto done = suspend(queues);
  EXPECT_EQ(outcomes(done), (std::vector{Outcome::kOk, Outcome::kOk}));
  EXPECT_EQ(driver_.log(), (Log{"snapshot", "suspend 0 1", "snapshot", "suspend 1"}));
}

TEST_F(ControlTest, SecondInvalidIsFinal) {
  const auto queues = attach({0, 1});
  driver_.set_suspend_status(1, {abi::kQueueInvalid, abi::kQueueInvalid, abi::kQueueInvalid});
  const auto done = suspend(queues);
  EXPECT_FALSE(done.error);
  EXPECT_EQ(outcomes(done), (std::vector{Outcome::kOk, Outcome::kInvalid}));
  EXPECT_EQ(driver_.log(), (Log{"snapshot", "suspend 0 1", "snapshot", "suspend 1"}));
}

TEST_F(ControlTest, HardwareErrorLeavesTheQueueOffUntilItIsResumed) {
  const auto queues = attach({0, 1});
  driver_.set_suspend_status(0, {abi::kQueueError});
  const auto done = suspend(queues);
  EXPECT_FALSE(done.error);
  EXPECT_EQ(outcomes(done), (std::vector{Outcome::kError, Outcome::kOk}));
  EXPECT_EQ(backend_->queues(target_)[0].state, QueueState::kSuspended);
  EXPECT_EQ(outcomes(resume({queues[0]})), std::vector{Outcome::kOk});
}

TEST_F(ControlTest, QueueWithAnErrorIsResumedByItsLease) {
  const auto queues = attach({0});
  driver_.set_suspend_status(0, {abi::kQueueError});
  (void)suspend(queues, Duration(1));
  EXPECT_EQ(take<LeaseExpired>().queues, queues);
}

TEST_F(ControlTest, WhatAnInterruptedSuspendMayHaveDoneEndsWithItsLease) {
  const auto queues = attach({0});
  // EBUSY answers the second attempt; nobody knows what became of the first one.
  driver_.fail_next(TrapOp::kSuspendQueues, {EINTR, EBUSY});
  EXPECT_EQ(outcomes(suspend(queues, Duration(1))), std::vector{Outcome::kError});
  EXPECT_EQ(take<LeaseExpired>().queues, queues);
  EXPECT_EQ(driver_.log(), (Log{"snapshot", "suspend 0", "suspend 0", "resume 0"}));
}

TEST_F(ControlTest, QueueThatCouldNotBeResumedIsTriedAgain) {
  const auto queues = attach({0});
  (void)suspend(queues);
  driver_.set_resume_status(0, {abi::kQueueError});
  EXPECT_EQ(outcomes(resume(queues)), std::vector{Outcome::kError});
  EXPECT_EQ(take<LeaseExpired>().queues, queues);
  EXPECT_EQ(driver_.log(), (Log{"snapshot", "suspend 0", "resume 0", "resume 0"}));
}

TEST_F(ControlTest, StatusBitsAreNeverSent) {
  const auto queues = attach({0, 1});
  driver_.set_suspend_status(0, {abi::kQueueError});
  driver_.set_suspend_status(1, {abi::kQueueInvalid});
  (void)suspend(queues);
  (void)suspend(queues);
  (void)resume(queues);
  for (const std::uint32_t id : driver_.ids_sent()) {
    EXPECT_EQ(id & (abi::kQueueError | abi::kQueueInvalid), 0U);
  }
}

TEST_F(ControlTest, IdThatComesBackChangedIsAnError) {
  const auto queues = attach({0});
  driver_.set_suspend_status(0, {0x100});
  EXPECT_EQ(outcomes(suspend(queues)), std::vector{Outcome::kError});
}

TEST_F(ControlTest, InterruptedCallsAreRepeatedWithFreshArguments) {
  const auto queues = attach({0});
  driver_.fail_next(TrapOp::kGetQueueSnapshot, {EINTR});
  driver_.fail_next(TrapOp::kSuspendQueues, {EINTR, EINTR});
  EXPECT_EQ(outcomes(suspend(queues)), std::vector{Outcome::kOk});
  EXPECT_EQ(driver_.log(), (Log{"snapshot", "snapshot", "suspend 0", "suspend 0", "suspend 0"}));
}

TEST_F(ControlTest, NothingButInterruptedCallsIsRepeated) {
  const auto queues = attach({0});
  driver_.fail_next(TrapOp::kSuspendQueues, {EIO});
  const auto done = suspend(queues);
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, Errc::kHardwareFailure);
  EXPECT_EQ(done.error->sys_errno, EIO);
  EXPECT_EQ(done.outcomes.size(), 1U);
  EXPECT_EQ(driver_.log(), (Log{"snapshot", "suspend 0"}));
}

TEST_F(ControlTest, RefusalWithAWorkingSnapshotMeansTheRuntimeIsNotUp) {
  const auto queues = attach({0});
  driver_.fail_next(TrapOp::kSuspendQueues, {EPERM});
  const auto done = suspend(queues);
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, Errc::kBusy);
  EXPECT_EQ(driver_.log(), (Log{"snapshot", "suspend 0", "snapshot"}));
}

TEST_F(ControlTest, RefusalOfTheSnapshotMeansItIsNotTraced) {
  const auto queues = attach({0});
  driver_.fail_next(TrapOp::kGetQueueSnapshot, {EPERM, EPERM});
  const auto done = suspend(queues);
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, Errc::kNotPermitted);
}

TEST_F(ControlTest, QueueThatIsGoneIsNotSentToTheDriver) {
  const auto queues = attach({0, 1});
  driver_.destroy_queue(0);
  ASSERT_TRUE(backend_->control(target_, queues, Suspend{.grace = {}, .lease = kLongLease}));
  EXPECT_EQ(take<QueueGone>().queue, queues[0]);
  EXPECT_EQ(outcomes(take<ControlDone>()), (std::vector{Outcome::kInvalid, Outcome::kOk}));
  EXPECT_EQ(driver_.log(), (Log{"snapshot", "suspend 1"}));
}

TEST_F(ControlTest, ReusedKernelIdIsAnotherQueue) {
  const auto queues = attach({0, 1});
  driver_.destroy_queue(0);
  driver_.create_queue(0, false);
  ASSERT_TRUE(backend_->control(target_, std::vector{queues[0]},
                                Suspend{.grace = {}, .lease = kLongLease}));
  EXPECT_EQ(take<QueueGone>().queue, queues[0]);
  const auto born = take<QueueBorn>().queue;
  EXPECT_EQ(born.kernel_id, 0U);
  EXPECT_NE(born.id, queues[0]);
  EXPECT_EQ(outcomes(take<ControlDone>()), std::vector{Outcome::kInvalid});
  EXPECT_EQ(driver_.log(), Log{"snapshot"});
}

TEST_F(ControlTest, ResumingAQueueThatIsGoneIsInvalid) {
  const auto queues = attach({0});
  driver_.destroy_queue(0);
  EXPECT_EQ(outcomes(resume(queues)), std::vector{Outcome::kInvalid});
}

TEST_F(ControlTest, SnapshotGrowsUntilItFitsAndThenStaysLargeEnough) {
  const auto queues = attach(
      {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23});
  EXPECT_FALSE(suspend({queues.back()}).error);
  EXPECT_EQ(driver_.log(), (Log{"snapshot", "suspend 23"}));
}

TEST_F(ControlTest, GraceIsRefusedWhenTheDriverCannotHoldIt) {
  const auto queues = attach({0});
  // 255 units of 1000 clocks at 2100 MHz are 121428 ns.
  const auto longest =
      backend_->control(target_, queues, Suspend{.grace = Duration(121428), .lease = kLongLease});
  EXPECT_TRUE(longest);
  (void)take<ControlDone>();
  const auto longer =
      backend_->control(target_, queues, Suspend{.grace = Duration(121429), .lease = kLongLease});
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, Errc::kInvalidArgument);
  EXPECT_NE(longer.error().what.find("121428 ns"), std::string::npos);
}

TEST_F(ControlTest, MissingControlsAreRefusedWithTheirReason) {
  const auto queues = attach({0});
  const auto refused = backend_->control(target_, queues, Percentage{.percent = 0});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kUnsupported);
  EXPECT_NE(refused.error().what.find(backend_->info().missing(ControlKind::kPercentage)),
            std::string::npos);
}

TEST_F(ControlTest, SecondRequestOfATargetIsBusy) {
  const auto queues = attach({0});
  ASSERT_TRUE(backend_->control(target_, queues, Suspend{.grace = {}, .lease = kLongLease}));
  EXPECT_EQ(backend_->control(target_, queues, Resume{}).error().code, Errc::kBusy);
  EXPECT_EQ(backend_->detach(target_).error().code, Errc::kBusy);
  (void)take<ControlDone>();
}

}  // namespace
}  // namespace gpreempt::kfd
