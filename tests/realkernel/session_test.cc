// A session on the real driver. Goal: a process is attached, suspended, resumed and let go as often
// as wanted, and what it does meanwhile ends well. Method: the whole backend, with one queue more
// than the driver has.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/dbg_trap.h"
#include "backends/kfd/driver.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "backends/kfd/tracee.h"
#include "core/error.h"
#include "core/event.h"
#include "core/time.h"
#include "tests/realkernel/controller.h"
#include "tests/realkernel/real_kernel_test.h"
#include "tests/support/forked_process.h"

namespace gpreempt::kfd {
namespace {

constexpr Duration kLease = std::chrono::hours(1);

TEST(DriverTest, OpensAndHasQueueDebugging) {
  LinuxOs os;
  const auto driver = open_driver(os, "/dev/kfd");
  ASSERT_TRUE(is_ok(driver));
  EXPECT_TRUE(is_ok(check_version(os, *driver, "/dev/kfd")));
  os.close(*driver);
}

class SessionTest : public RealKernelTest {
 protected:
  void SetUp() override {
    RealKernelTest::SetUp();
    ASSERT_TRUE(target_.obeys(Order::kStartRuntime));
  }
};

TEST_F(SessionTest, IsStartedAndEndedAgainAndAgain) {
  constexpr int kTimes = 5;
  for (int i = 0; i < kTimes; ++i) {
    EXPECT_TRUE(is_ok(Controller::control_once(os_, target_.pid())));
    EXPECT_TRUE(target_.runs_on());
  }
}

TEST_F(SessionTest, LeaseIsEnded) {
  attach();
  EXPECT_TRUE(is_ok(controller_->suspend(std::chrono::milliseconds(1))));
  EXPECT_TRUE(is_ok(controller_->await<LeaseExpired>()));
  EXPECT_TRUE(is_ok(controller_->close()));
}

TEST_F(SessionTest, CloseLetsGoOfWhatIsSuspended) {
  attach();
  EXPECT_TRUE(is_ok(controller_->suspend(kLease)));
  EXPECT_TRUE(is_ok(controller_->close()));
  expect_free();
}

TEST_F(SessionTest, SecondControllerIsRefusedAndTheFirstStays) {
  attach();
  auto second = Controller::open(os_);
  ASSERT_TRUE(is_ok(second));
  const auto refused = second->attach(target_.pid());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kNotPermitted);
  EXPECT_TRUE(is_ok(second->close()));
  EXPECT_TRUE(is_ok(controller_->suspend(kLease)));
  EXPECT_TRUE(is_ok(controller_->close()));
  expect_free();
}

TEST_F(SessionTest, ProcessThatEndsSuspendedEndsIt) {
  attach();
  EXPECT_TRUE(is_ok(controller_->suspend(kLease)));
  target_.give(Order::kExit);
  EXPECT_TRUE(is_ok(controller_->await<TargetExited>()));
  EXPECT_TRUE(is_ok(controller_->close()));
}

TEST_F(SessionTest, ProcessThatIsKilledSuspendedEndsIt) {
  attach();
  EXPECT_TRUE(is_ok(controller_->suspend(kLease)));
  target_.process().send(SIGKILL);
  EXPECT_TRUE(is_ok(controller_->await<TargetExited>()));
  EXPECT_TRUE(is_ok(controller_->close()));
}

TEST_F(SessionTest, ProcessThatExecutesAnotherProgramStaysUnderControl) {
  attach();
  EXPECT_TRUE(is_ok(controller_->suspend(kLease)));
  target_.give(Order::kExecute);
  EXPECT_TRUE(is_ok(controller_->await<QueueGone>()));
  EXPECT_TRUE(is_ok(controller_->detach()));
  EXPECT_TRUE(is_ok(controller_->close()));
}

TEST_F(SessionTest, ProcessWhoseOtherThreadExecutesAProgramStaysUnderControl) {
  attach();
  EXPECT_TRUE(is_ok(controller_->suspend(kLease)));
  const auto program = [this] { return status_of(target_.pid(), target_.pid().value(), "Name"); };
  const std::string before = program();
  target_.give(Order::kExecuteElsewhere);
  const Instant patience_ends = os_.now() + std::chrono::seconds(20);
  while (program() == before && os_.now() < patience_ends) {
    (void)os_.wait({}, os_.now() + std::chrono::milliseconds(1));
  }
  // Nothing tells of it, and this session looks for nothing by itself: a call does.
  EXPECT_FALSE(controller_->suspend(kLease));
  EXPECT_TRUE(is_ok(controller_->await<QueueGone>()));
  EXPECT_TRUE(is_ok(controller_->detach()));
  EXPECT_TRUE(is_ok(controller_->close()));
}

TEST_F(SessionTest, ProcessWhoseLeaderHasExitedIsResumedAndLetGo) {
  attach();
  EXPECT_TRUE(is_ok(controller_->suspend(kLease)));
  EXPECT_TRUE(target_.obeys(Order::kExitLeader));
  EXPECT_TRUE(await_state(target_.pid(), "Z"));
  EXPECT_TRUE(is_ok(controller_->close()));
  EXPECT_TRUE(target_.runs_on());
}

TEST_F(SessionTest, StoppedProcessIsAttachedAndStaysStopped) {
  target_.process().send(SIGSTOP);
  EXPECT_TRUE(await_state(target_.pid(), "T"));
  EXPECT_TRUE(is_ok(Controller::control_once(os_, target_.pid())));
  EXPECT_TRUE(await_state(target_.pid(), "T"));
  target_.process().send(SIGCONT);
  expect_free();
}

using NoRuntimeTest = RealKernelTest;

TEST_F(NoRuntimeTest, IsAttachedButNotSuspended) {
  attach();
  const auto refused = controller_->suspend(kLease);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kBusy);
  EXPECT_NE(refused.error().what.find("runtime is not enabled"), std::string::npos);
  EXPECT_TRUE(is_ok(controller_->close()));
  expect_free();
}

TEST_F(NoRuntimeTest, ProcessThatNeverOpenedTheDriverIsAttached) {
  const ForkedProcess idle([](int) {
    for (;;) {
      ::pause();
    }
  });
  auto controller = Controller::open(os_);
  ASSERT_TRUE(is_ok(controller));
  EXPECT_TRUE(is_ok(controller->attach(idle.pid())));
  EXPECT_TRUE(is_ok(controller->close()));
}

TEST_F(SessionTest, QueueThatTheDriverDoesNotHaveIsInvalid) {
  LinuxOs os;
  Tracee tracee(os, target_.pid());
  ASSERT_TRUE(is_ok(tracee.seize()));
  const Fd driver = os.open("/dev/kfd", OpenMode::kReadWrite).value();
  const auto pipe = os.pipe().value();
  DbgTrap trap(os, driver, target_.pid());
  ASSERT_TRUE(trap.enable(abi::kProcessRuntime, pipe.write));
  const std::vector<std::uint32_t> ids{7, 0, abi::kQueueIdMask};
  const std::vector all(ids.size(), Outcome::kInvalid);
  EXPECT_EQ(trap.suspend(ids, abi::kGraceDefault).value(), all);
  EXPECT_EQ(trap.resume(ids).value(), all);
  EXPECT_TRUE(trap.snapshot().value().empty());
  EXPECT_TRUE(trap.disable());
  os.close(driver);
}

}  // namespace
}  // namespace gpreempt::kfd
