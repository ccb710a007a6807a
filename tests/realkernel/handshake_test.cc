// The runtime's handshake on the real driver. Goal: a runtime that starts or ends under control
// goes on, and a process that waits for an answer that nobody gives is freed, and only such a one.
// Method: a process that tells the driver what a runtime tells it.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string_view>

#include "backends/kfd/abi.h"
#include "backends/kfd/dbg_trap.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "backends/kfd/rescue.h"
#include "backends/kfd/tracee.h"
#include "core/error.h"
#include "core/event.h"
#include "tests/realkernel/controller.h"
#include "tests/realkernel/one_queue_os.h"
#include "tests/realkernel/real_kernel_test.h"
#include "tests/support/forked_process.h"

namespace gpreempt::kfd {
namespace {

using HandshakeTest = RealKernelTest;

TEST_F(HandshakeTest, RuntimeThatStartsUnderControlGoesOn) {
  attach();
  EXPECT_TRUE(target_.obeys(Order::kStartRuntime));
  EXPECT_TRUE(is_ok(controller_->suspend(std::chrono::hours(1))));
  EXPECT_TRUE(is_ok(controller_->resume()));
  EXPECT_TRUE(is_ok(controller_->close()));
  expect_free();
}

TEST_F(HandshakeTest, RuntimeThatEndsUnderControlGoesOn) {
  ASSERT_TRUE(target_.obeys(Order::kStartRuntime));
  attach();
  EXPECT_TRUE(target_.obeys(Order::kEndRuntime));
  EXPECT_TRUE(is_ok(controller_->close()));
  expect_free();
}

TEST_F(HandshakeTest, RuntimeStartsAndEndsAgainAndAgain) {
  attach();
  constexpr int kTimes = 10;
  for (int i = 0; i < kTimes; ++i) {
    EXPECT_TRUE(target_.obeys(Order::kStartRuntime));
    EXPECT_TRUE(is_ok(controller_->suspend(std::chrono::hours(1))));
    EXPECT_TRUE(is_ok(controller_->resume()));
    EXPECT_TRUE(target_.obeys(Order::kEndRuntime));
  }
  EXPECT_TRUE(is_ok(controller_->close()));
  expect_free();
}

TEST_F(HandshakeTest, RuntimeThatEndsSuspendedIsResumedByTheDriver) {
  ASSERT_TRUE(target_.obeys(Order::kStartRuntime));
  attach();
  EXPECT_TRUE(is_ok(controller_->suspend(std::chrono::hours(1))));
  EXPECT_TRUE(target_.obeys(Order::kEndRuntime));
  EXPECT_TRUE(is_ok(controller_->resume()));
  EXPECT_TRUE(is_ok(controller_->close()));
  expect_free();
}

TEST_F(HandshakeTest, RuntimeThatEndsSuspendedMeetsItsLease) {
  ASSERT_TRUE(target_.obeys(Order::kStartRuntime));
  attach();
  EXPECT_TRUE(is_ok(controller_->suspend(std::chrono::milliseconds(100))));
  EXPECT_TRUE(target_.obeys(Order::kEndRuntime));
  EXPECT_TRUE(is_ok(controller_->await<LeaseExpired>()));
  EXPECT_TRUE(is_ok(controller_->close()));
  expect_free();
}

TEST_F(HandshakeTest, ProcessThatEndsAfterItsRuntimeEndsTheSession) {
  ASSERT_TRUE(target_.obeys(Order::kStartRuntime));
  attach();
  EXPECT_TRUE(target_.obeys(Order::kEndRuntime));
  target_.give(Order::kExit);
  EXPECT_TRUE(is_ok(controller_->await<TargetExited>()));
  EXPECT_TRUE(is_ok(controller_->close()));
}

TEST_F(HandshakeTest, SessionThatEndsMeanwhileAnswers) {
  attach();
  target_.give(Order::kStartRuntime);
  EXPECT_TRUE(is_ok(controller_->close()));
  expect_free();
}

/// The runtime starts after the session has looked for events for the last time.
class LateHandshakeTest : public RealKernelTest, public ::testing::WithParamInterface<Order> {
 protected:
  bool is_late_ = false;
};

TEST_P(LateHandshakeTest, IsAnswered) {
  OneQueueOs os([&](std::string_view call) {
    if (call == "disable" && !is_late_) {
      is_late_ = true;
      target_.give(GetParam());
      EXPECT_TRUE(target_.enters_runtime());
    }
  });
  auto controller = Controller::open(os);
  ASSERT_TRUE(is_ok(controller));
  ASSERT_TRUE(is_ok(controller->attach(target_.pid())));
  EXPECT_TRUE(is_ok(controller->close()));
  EXPECT_TRUE(is_late_);
  expect_free();
}

INSTANTIATE_TEST_SUITE_P(OfAThread, LateHandshakeTest,
                         ::testing::Values(Order::kStartRuntime, Order::kStartRuntimeElsewhere),
                         [](const auto& each) {
                           return each.param == Order::kStartRuntime ? "ThatIsTraced"
                                                                     : "ThatIsNotTraced";
                         });

/// A process in the hands of a debugger that answers nothing.
class RescueTest : public RealKernelTest {
 protected:
  /// In the debugger: holds the process while it waits in the start of its runtime.
  void hold(int report) {
    LinuxOs os;
    Tracee tracee(os, target_.pid());
    const auto seized = tracee.seize();
    const Fd driver = os.open("/dev/kfd", OpenMode::kReadWrite).value();
    const auto pipe = os.pipe().value();
    const auto enabled =
        DbgTrap(os, driver, target_.pid()).enable(abi::kProcessRuntime, pipe.write);
    target_.give(Order::kStartRuntime);
    report_number(report, seized && enabled && target_.enters_runtime() ? 1 : 0);
  }
  /// Leaves it waiting, its debugger gone.
  void abandon() {
    const ForkedProcess debugger([this](int report) { hold(report); });
    EXPECT_EQ(debugger.read(), 1);
    EXPECT_TRUE(debugger.await_end());
  }
  Rescued rescued() {
    const auto done = rescue(os_, target_.pid());
    EXPECT_TRUE(is_ok(done));
    return done.value_or(Rescued{});
  }
};

TEST_F(RescueTest, FreesAProcessThatWaitsForADeadDebugger) {
  abandon();
  EXPECT_TRUE(target_.waits_in_runtime());
  EXPECT_TRUE(rescued().answered_handshake);
  expect_free();
}

TEST_F(RescueTest, NextHandshakeIsNotAnsweredInAdvance) {
  abandon();
  (void)rescued();
  EXPECT_TRUE(target_.obeys(Order::kEndRuntime));
  // Were there an answer left, it would not wait.
  abandon();
  EXPECT_TRUE(rescued().answered_handshake);
  expect_free();
}

TEST_F(RescueTest, ProcessThatIsWellIsLeftAlone) {
  ASSERT_TRUE(target_.obeys(Order::kStartRuntime));
  const auto done = rescued();
  EXPECT_FALSE(done.ended_session);
  EXPECT_FALSE(done.answered_handshake);
  EXPECT_TRUE(target_.obeys(Order::kEndRuntime));
  abandon();
  EXPECT_TRUE(rescued().answered_handshake);
  expect_free();
}

TEST_F(RescueTest, ProcessOfALivingControllerIsNotFreedWhileItWaits) {
  const ForkedProcess debugger([this](int report) {
    hold(report);
    for (;;) {
      ::pause();
    }
  });
  EXPECT_EQ(debugger.read(), 1);
  const auto refused = rescue(os_, target_.pid());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kNotPermitted);
  EXPECT_NE(refused.error().what.find("kill -KILL"), std::string::npos) << refused.error().what;
  debugger.send(SIGKILL);
  EXPECT_TRUE(debugger.await_end());
  (void)rescued();
  expect_free();
}

TEST_F(RescueTest, ProcessThatNeverOpenedTheDriverIsWell) {
  const ForkedProcess idle([](int) {
    for (;;) {
      ::pause();
    }
  });
  const auto done = rescue(os_, idle.pid());
  EXPECT_TRUE(is_ok(done));
}

}  // namespace
}  // namespace gpreempt::kfd
