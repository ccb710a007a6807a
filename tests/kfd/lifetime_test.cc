// The life of a session: attach, births, exceptions, signals, leases and every way out. Goal: the
// target never stays suspended, blocked or traced, and its signals reach it unchanged.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "tests/kfd/backend_test.h"

namespace gpreempt::kfd {
namespace {

using abi::TrapOp;
using Kind = ChildStatus::Kind;

class SessionTest : public BackendTest {
 protected:
  void SetUp() override { open(); }

  Error attach_error() {
    target_ = backend_->attach(FakeDriver::kTargetPid, AttachMode::kControl).value();
    const auto done = take<AttachDone>();
    EXPECT_TRUE(done.error);
    return done.error.value_or(Error{});
  }
  Log tail(std::size_t count) {
    Log log = driver_.log();
    log.erase(log.begin(), log.end() - static_cast<std::ptrdiff_t>(std::min(count, log.size())));
    return log;
  }
};

TEST_F(SessionTest, AttachSeizesEnablesAndTakesASnapshot) {
  target_ = backend_->attach(FakeDriver::kTargetPid, AttachMode::kControl).value();
  EXPECT_FALSE(take<AttachDone>().error);
  // TRACEEXEC | TRACEEXIT, and PROCESS_RUNTIME | QUEUE_NEW: nothing else.
  EXPECT_EQ(driver_.log(), (Log{"seize 0x50", "enable 0x800040000000", "snapshot"}));
}

TEST_F(SessionTest, BirthsAreReportedOldestFirst) { EXPECT_EQ(attach({5, 2, 9}).size(), 3U); }

TEST_F(SessionTest, RoleAndTypeComeFromTheSnapshot) {
  driver_.create_queue(0, false, 4096);
  driver_.create_queue(1, false, FakeDriver::kUserRing, abi::QueueKind::kSdmaXgmi);
  target_ = backend_->attach(FakeDriver::kTargetPid, AttachMode::kControl).value();
  const auto internal = take<QueueBorn>().queue;
  EXPECT_EQ(internal.role, QueueRole::kInternal);
  EXPECT_EQ(internal.type, QueueType::kCompute);
  const auto sdma = take<QueueBorn>().queue;
  EXPECT_EQ(sdma.role, QueueRole::kSdma);
  EXPECT_EQ(sdma.type, QueueType::kSdma);
  EXPECT_EQ(sdma.gpu, GpuId(FakeDriver::kGpu));
}

TEST_F(SessionTest, ForbiddenTracingIsNotPermitted) {
  driver_.fail_seize(EPERM);
  const auto error = attach_error();
  EXPECT_EQ(error.code, Errc::kNotPermitted);
  EXPECT_NE(error.what.find("ptrace_scope"), std::string::npos);
  EXPECT_EQ(driver_.log(), Log{"seize 0x50"});
}

TEST_F(SessionTest, AbsentProcessHasExited) {
  driver_.fail_seize(ESRCH);
  EXPECT_EQ(attach_error().code, Errc::kProcessExited);
}

TEST_F(SessionTest, ProcessThatGotTheNumberOfTheOneMeantIsLetGo) {
  driver_.exit_observed();  // whoever is seized after that is another process
  EXPECT_EQ(attach_error().code, Errc::kProcessExited);
  EXPECT_EQ(tail(2), (Log{"interrupt", "detach 0"}));
}

TEST_F(SessionTest, AnotherDebuggerIsBusyAndTheTargetIsLetGo) {
  driver_.fail_next(TrapOp::kEnable, {EALREADY});
  EXPECT_EQ(attach_error().code, Errc::kBusy);
  EXPECT_EQ(tail(2), (Log{"interrupt", "detach 0"}));
}

TEST_F(SessionTest, TargetCanBeAttachedAgainAfterAFailure) {
  driver_.fail_next(TrapOp::kEnable, {EALREADY});
  (void)attach_error();
  EXPECT_EQ(attach({0}).size(), 1U);
}

TEST_F(SessionTest, LateQueueIsReportedByTheDriver) {
  (void)attach({0});
  driver_.create_queue(1);
  EXPECT_EQ(take<QueueBorn>().queue.kernel_id, 1U);
}

TEST_F(SessionTest, RuntimeTransitionsAreAnswered) {
  (void)attach({0});
  driver_.raise({.exception_mask = abi::kProcessRuntime, .gpu_id = 0, .queue_id = 0});
  EXPECT_TRUE(driver_.await_call("send 0x800000000000 0 0"));
}

TEST_F(SessionTest, ForeignExceptionsArePassedOnToTheRuntime) {
  (void)attach({0});
  constexpr std::uint64_t kMemoryViolation = 0x10;
  driver_.raise({.exception_mask = kMemoryViolation | abi::kQueueNew,
                 .gpu_id = FakeDriver::kGpu,
                 .queue_id = 0});
  EXPECT_EQ(take<ExceptionRaised>().mask, kMemoryViolation);
  EXPECT_TRUE(driver_.await_call("send 0x10 63420 0"));
}

TEST_F(SessionTest, SignalsAreForwardedUnchanged) {
  (void)attach({0});
  driver_.change_child(Kind::kSignalStop, SIGUSR1);
  driver_.change_child(Kind::kSignalStop, SIGTERM);
  EXPECT_TRUE(driver_.await_call("cont 15"));
  EXPECT_EQ(driver_.log(), (Log{"cont 10", "cont 15"}));
}

TEST_F(SessionTest, GroupStopIsKeptAndItsEndContinues) {
  (void)attach({0});
  driver_.change_child(Kind::kGroupStop, SIGSTOP);
  driver_.change_child(Kind::kInterruptStop, SIGTRAP);
  EXPECT_TRUE(driver_.await_call("cont 0"));
  EXPECT_EQ(driver_.log(), (Log{"listen", "cont 0"}));
}

TEST_F(SessionTest, ExecutedTargetLosesItsQueuesAndIsEnabledAgainBeforeItRuns) {
  const auto queues = attach({0});
  driver_.change_child(Kind::kExecStop, SIGTRAP);
  EXPECT_EQ(take<QueueGone>().queue, queues[0]);
  EXPECT_TRUE(driver_.await_call("cont 0"));
  EXPECT_EQ(driver_.log(), (Log{"enable 0x800040000000", "cont 0"}));
}

TEST_F(SessionTest, LeaseEndsByItself) {
  const auto queues = attach({0, 1});
  EXPECT_FALSE(suspend(queues, Duration(1)).error);
  EXPECT_EQ(take<LeaseExpired>().queues, queues);
  EXPECT_EQ(driver_.log(), (Log{"snapshot", "suspend 0 1", "resume 0 1"}));
  EXPECT_EQ(backend_->queues(target_)[0].state, QueueState::kRunning);
}

TEST_F(SessionTest, FailedResumeOfALeaseIsTriedAgain) {
  const auto queues = attach({0});
  driver_.fail_next(TrapOp::kResumeQueues, {ENOMEM});
  (void)suspend(queues, Duration(1));
  EXPECT_EQ(take<LeaseExpired>().queues, queues);
  EXPECT_EQ(driver_.log(), (Log{"snapshot", "suspend 0", "resume 0", "resume 0"}));
}

TEST_F(SessionTest, RuntimeThatHasEndedHasResumedItsQueues) {
  const auto queues = attach({0, 1});
  (void)suspend(queues);
  driver_.clear_log();
  driver_.fail_next(TrapOp::kResumeQueues, {EPERM});
  const auto done = resume(queues);
  EXPECT_FALSE(done.error);
  EXPECT_EQ(outcomes(done), (std::vector{Outcome::kOk, Outcome::kOk}));
  EXPECT_EQ(backend_->queues(target_)[0].state, QueueState::kRunning);
  EXPECT_EQ(driver_.log(), (Log{"resume 0 1", "snapshot"}));
}

TEST_F(SessionTest, RuntimeThatHasEndedEndsTheLeaseAndTheShutdown) {
  const auto queues = attach({0});
  driver_.fail_next(TrapOp::kResumeQueues, {EPERM, EPERM});
  (void)suspend(queues, Duration(1));
  EXPECT_EQ(take<LeaseExpired>().queues, queues);
  (void)suspend(queues);
  EXPECT_TRUE(backend_->close());
}

TEST_F(SessionTest, ResumeThatIsRefusedToAStrangerIsAnError) {
  const auto queues = attach({0});
  (void)suspend(queues);
  driver_.fail_next(TrapOp::kResumeQueues, {EPERM});
  driver_.fail_next(TrapOp::kGetQueueSnapshot, {EPERM, EPERM});
  const auto done = resume(queues);
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, Errc::kNotPermitted);
  EXPECT_EQ(outcomes(done), std::vector{Outcome::kError});
}

TEST_F(SessionTest, ResumeBeforeTheLeaseEndsIt) {
  const auto queues = attach({0});
  (void)suspend(queues);
  (void)resume(queues);
  (void)backend_->close();
  EXPECT_EQ(driver_.log(),
            (Log{"snapshot", "suspend 0", "resume 0", "disable", "interrupt", "detach 0"}));
}

TEST_F(SessionTest, ExitWhileSuspendedEndsTheSessionQuietly) {
  const auto queues = attach({0});
  (void)suspend(queues);
  driver_.clear_log();
  driver_.change_child(Kind::kKilled, SIGKILL);
  EXPECT_EQ(take<TargetExited>().target, target_);
  EXPECT_TRUE(backend_->queues(target_).empty());
  EXPECT_EQ(driver_.log(), Log{});
}

TEST_F(SessionTest, MissingProcessCompletesTheRequestAndEndsTheSession) {
  const auto queues = attach({0});
  driver_.fail_next(TrapOp::kGetQueueSnapshot, {ESRCH});
  driver_.change_child(Kind::kKilled, SIGKILL);
  ASSERT_TRUE(backend_->control(target_, queues, Suspend{.grace = {}, .lease = kLongLease}));
  const auto done = take<ControlDone>();
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, Errc::kProcessExited);
  EXPECT_EQ(outcomes(done), std::vector{Outcome::kInvalid});
  EXPECT_EQ(take<TargetExited>().target, target_);
}

TEST_F(SessionTest, ProcessTheDriverHasDroppedEndsTheSessionOnlyWhenItsEndIsSeen) {
  const auto queues = attach({0});
  driver_.fail_next(TrapOp::kSuspendQueues, {ESRCH});
  const auto done = suspend(queues);
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, Errc::kBusy);  // an exec looks the same until it stops
  driver_.change_child(Kind::kKilled, SIGKILL);
  EXPECT_EQ(take<TargetExited>().target, target_);
}

TEST_F(SessionTest, CallBetweenExecAndItsStopDoesNotEndTheSession) {
  const auto queues = attach({0});
  driver_.fail_next(TrapOp::kGetQueueSnapshot, {ESRCH});
  driver_.change_child(Kind::kExecStop, SIGTRAP);
  ASSERT_TRUE(backend_->control(target_, queues, Suspend{.grace = {}, .lease = kLongLease}));
  EXPECT_EQ(take<QueueGone>().queue, queues[0]);
  const auto done = take<ControlDone>();
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, Errc::kBusy);
}

TEST_F(SessionTest, LeaderThatExitsLeavesItsOtherThreadsUnderControl) {
  const auto queues = attach({0});
  (void)suspend(queues);
  driver_.set_file("/proc/4711/task/4711/status", "State:\tZ (zombie)\n");
  driver_.set_file("/proc/4711/task/4712/status", "State:\tS (sleeping)\n");
  driver_.exit_leader(FakeDriver::kTargetPid);
  driver_.clear_log();
  EXPECT_EQ(outcomes(resume(queues)), std::vector{Outcome::kOk});
  EXPECT_EQ(driver_.log(), (Log{"resume 0"}));
  EXPECT_TRUE(backend_->close());
  EXPECT_EQ(driver_.log(), (Log{"resume 0", "disable", "interrupt", "detach 0"}));
}

TEST_F(SessionTest, CloseFailsWhenALivingProcessCannotBeResumed) {
  (void)suspend(attach({0}));
  driver_.exit_leader(FakeDriver::kTargetPid);  // and no other thread of it can be seen
  EXPECT_FALSE(backend_->close());
}

TEST_F(SessionTest, CloseIsWellWhenTheProcessExecutesAnotherProgramMeanwhile) {
  (void)attach({0});
  driver_.set_file("/proc/4711/status", "State:\tR (running)\n");
  driver_.fail_next(TrapOp::kDisable, {ESRCH});
  EXPECT_TRUE(backend_->close());
}

TEST_F(SessionTest, CloseFailsWhenTheSessionOfAProcessWithoutALeaderCannotBeEnded) {
  (void)attach({0});
  driver_.set_file("/proc/4711/status", "State:\tZ (zombie)\n");
  driver_.fail_next(TrapOp::kDisable, {ESRCH});
  EXPECT_FALSE(backend_->close());
}

TEST_F(SessionTest, ExecOfAnotherThreadIsTracedAgain) {
  const auto queues = attach({0});
  driver_.lose_child();
  EXPECT_EQ(take<QueueGone>().queue, queues[0]);
  EXPECT_TRUE(driver_.await_call("enable 0x800040000000"));
  EXPECT_EQ(driver_.log()[0], "seize 0x50");
}

TEST_F(SessionTest, SessionThatCannotWaitEndsAndSaysSo) {
  (void)attach({0});
  driver_.fail_waits();
  driver_.create_queue(1);  // wakes it
  while (true) {
    const auto event = backend_->next_event(saturating_add(backend_->now(), kPatience));
    ASSERT_TRUE(event && *event);
    if (std::holds_alternative<DetachDone>((*event)->what)) {
      break;
    }
  }
  EXPECT_TRUE(backend_->queues(target_).empty());
}

TEST_F(SessionTest, CloseResumesDisablesAndDetaches) {
  const auto queues = attach({0, 1});
  (void)suspend(queues);
  driver_.clear_log();
  EXPECT_TRUE(backend_->close());
  EXPECT_EQ(driver_.log(), (Log{"resume 0 1", "disable", "interrupt", "detach 0"}));
}

TEST_F(SessionTest, CloseReportsTheFirstErrorAndGoesOn) {
  const auto queues = attach({0});
  (void)suspend(queues);
  driver_.clear_log();
  driver_.fail_next(TrapOp::kResumeQueues, {EIO});
  driver_.fail_next(TrapOp::kDisable, {EPERM});
  const auto closed = backend_->close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, Errc::kHardwareFailure);
  EXPECT_EQ(driver_.log(), (Log{"resume 0", "disable", "interrupt", "detach 0"}));
}

TEST_F(SessionTest, RuntimeTransitionIsAnsweredBeforeTheSessionEnds) {
  (void)attach({0});
  driver_.raise({.exception_mask = abi::kProcessRuntime, .gpu_id = 0, .queue_id = 0});
  EXPECT_TRUE(backend_->close());
  EXPECT_EQ(driver_.log(), (Log{"send 0x800000000000 0 0", "disable", "interrupt", "detach 0"}));
}

TEST_F(SessionTest, RuntimeTransitionAfterTheLastLookIsAnsweredWhenTheSessionHasEnded) {
  (void)attach({});
  driver_.set_waiting();
  EXPECT_TRUE(backend_->close());
  EXPECT_EQ(driver_.log(), (Log{"disable", "enable 0x800000000000", "send 0x800000000000 0 0",
                                "disable", "interrupt", "detach 0"}));
}

TEST_F(SessionTest, DetachResumesAndReports) {
  const auto queues = attach({0});
  (void)suspend(queues);
  driver_.clear_log();
  ASSERT_TRUE(backend_->detach(target_));
  EXPECT_EQ(take<DetachDone>().target, target_);
  EXPECT_EQ(driver_.log(), (Log{"resume 0", "disable", "interrupt", "detach 0"}));
  EXPECT_TRUE(backend_->queues(target_).empty());
}

TEST_F(SessionTest, SignalThatComesWhileDetachingIsDelivered) {
  (void)attach({0});
  driver_.set_interrupt_stop(Kind::kSignalStop, SIGTERM);
  ASSERT_TRUE(backend_->detach(target_));
  (void)take<DetachDone>();
  EXPECT_EQ(driver_.log(), (Log{"disable", "interrupt", "detach 15"}));
}

class FirstQueueTest : public BackendTest {
 protected:
  void SetUp() override { open(Duration{}, std::chrono::milliseconds(1)); }
};

TEST_F(FirstQueueTest, ProcessIsNotTouchedBeforeItHasAQueue) {
  target_ = backend_->attach(FakeDriver::kTargetPid, AttachMode::kControl).value();
  EXPECT_FALSE(backend_->next_event(backend_->now() + std::chrono::milliseconds(5)).value());
  EXPECT_EQ(driver_.log(), Log{});
  driver_.create_queue(3);
  EXPECT_EQ(take<QueueBorn>().queue.kernel_id, 3U);
  EXPECT_FALSE(take<AttachDone>().error);
  EXPECT_EQ(driver_.log(), (Log{"seize 0x50", "enable 0x800040000000", "snapshot"}));
}

TEST_F(FirstQueueTest, ProcessThatEndsWithoutAQueueHasExited) {
  target_ = backend_->attach(FakeDriver::kTargetPid, AttachMode::kControl).value();
  driver_.exit_observed();
  const auto done = take<AttachDone>();
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, Errc::kProcessExited);
  EXPECT_EQ(driver_.log(), Log{});
}

TEST_F(FirstQueueTest, AbsentProcessHasExited) {
  target_ = backend_->attach(Pid(1234), AttachMode::kControl).value();
  const auto done = take<AttachDone>();
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, Errc::kProcessExited);
}

TEST_F(FirstQueueTest, CloseEndsTheWait) {
  target_ = backend_->attach(FakeDriver::kTargetPid, AttachMode::kControl).value();
  EXPECT_TRUE(backend_->close());
  EXPECT_EQ(driver_.log(), Log{});
}

class InterruptTest : public SessionTest, public ::testing::WithParamInterface<int> {};

TEST_P(InterruptTest, EndsTheWaitAndCloseResumesDisablesAndDetaches) {
  const auto queues = attach({0});
  (void)suspend(queues);
  driver_.clear_log();
  ASSERT_EQ(::kill(::getpid(), GetParam()), 0);
  const auto event = backend_->next_event(saturating_add(backend_->now(), kPatience));
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, Errc::kInterrupted);
  EXPECT_NE(event.error().what.find("signal " + std::to_string(GetParam())), std::string::npos);
  EXPECT_TRUE(backend_->close());
  EXPECT_EQ(driver_.log(), (Log{"resume 0", "disable", "interrupt", "detach 0"}));
}

TEST_P(InterruptTest, IsReportedOnceAndBeforeWhatWaits) {
  (void)attach({0});
  ASSERT_EQ(::kill(::getpid(), GetParam()), 0);
  driver_.create_queue(1);
  EXPECT_EQ(backend_->next_event(backend_->now()).error().code, Errc::kInterrupted);
  EXPECT_EQ(take<QueueBorn>().queue.kernel_id, 1U);
}

INSTANTIATE_TEST_SUITE_P(By, InterruptTest, ::testing::Values(SIGINT, SIGTERM, SIGHUP));

}  // namespace
}  // namespace gpreempt::kfd
