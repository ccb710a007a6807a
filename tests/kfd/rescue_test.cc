// Freeing a process that a controller left behind. Goal: exactly the calls that it needs, and no
// answer to a process that waits for none. Rules: what Linux 6.12 does to a target whose debugger
// has died.
#include "backends/kfd/rescue.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "core/error.h"
#include "tests/kfd/fake_driver.h"

namespace gpreempt::kfd {
namespace {

using abi::TrapOp;
using Log = std::vector<std::string>;

class RescueTest : public ::testing::Test {
 protected:
  Rescued rescued() {
    const auto result = rescue(driver_, FakeDriver::kTargetPid);
    EXPECT_TRUE(result) << result.error().what;
    return result.value_or(Rescued{});
  }
  Error error() {
    const auto result = rescue(driver_, FakeDriver::kTargetPid);
    EXPECT_FALSE(result);
    return result ? Error{} : result.error();
  }
  FakeDriver driver_;
};

TEST_F(RescueTest, ProcessThatIsWellGetsNoAnswer) {
  driver_.set_file("/proc/4711/task/4711/syscall", "7 0x7ffd0 0x1 0xc0104b25 0x0\n");
  driver_.set_file("/proc/4711/task/4713/syscall", "16 0x5 0xc0284b05 0x7ffd0\n");
  const auto done = rescued();
  EXPECT_FALSE(done.ended_session);
  EXPECT_FALSE(done.answered_handshake);
  EXPECT_EQ(driver_.log(),
            (Log{"seize 0x50", "enable 0x800000000000", "disable", "interrupt", "detach 0"}));
}

TEST_F(RescueTest, ProcessThatWaitsInItsRuntimeIsAnsweredOnce) {
  driver_.set_waiting();
  EXPECT_TRUE(rescued().answered_handshake);
  EXPECT_EQ(driver_.log(), (Log{"seize 0x50", "enable 0x800000000000", "send 0x800000000000 0 0",
                                "disable", "interrupt", "detach 0"}));
}

TEST_F(RescueTest, ProcessThatGoesOnWaitingIsBusyAndLetGo) {
  driver_.set_waiting(true);
  EXPECT_EQ(error().code, Errc::kBusy);
  EXPECT_EQ(driver_.log().back(), "detach 0");
}

TEST_F(RescueTest, WhereThreadsCannotBeSeenOneAnswerIsSent) {
  EXPECT_FALSE(rescued().answered_handshake);
  EXPECT_EQ(driver_.log()[2], "send 0x800000000000 0 0");
}

TEST_F(RescueTest, SessionThatStandsIsEnded) {
  driver_.set_file("/proc/4711/task/4711/syscall", "running\n");
  driver_.fail_next(TrapOp::kEnable, {EALREADY});
  EXPECT_TRUE(rescued().ended_session);
  EXPECT_EQ(driver_.log(),
            (Log{"seize 0x50", "enable 0x800000000000", "disable", "interrupt", "detach 0"}));
}

TEST_F(RescueTest, OldDriversEndASessionForAnybody) {
  driver_.fail_seize(EPERM);
  EXPECT_TRUE(rescued().ended_session);
  EXPECT_EQ(driver_.log(), (Log{"seize 0x50", "disable"}));
}

TEST_F(RescueTest, NobodyAnswersForAnotherTracer) {
  driver_.fail_seize(EPERM);
  driver_.set_waiting();
  driver_.set_file("/proc/4711/status", "TracerPid:\t99\n");
  const auto refused = error();
  EXPECT_EQ(refused.code, Errc::kNotPermitted);
  EXPECT_NE(refused.what.find("kill -KILL 99"), std::string::npos);
  EXPECT_EQ(driver_.log(), (Log{"seize 0x50", "disable"}));
}

TEST_F(RescueTest, TracerThatRunsKeepsItsSession) {
  driver_.fail_seize(EPERM);
  driver_.set_file("/proc/4711/status", "TracerPid:\t99\n");
  driver_.set_file("/proc/99/status", "Name:\tgpreempt\nState:\tS (sleeping)\n");
  const auto refused = error();
  EXPECT_EQ(refused.code, Errc::kNotPermitted);
  EXPECT_NE(refused.what.find("thread 99 traces it"), std::string::npos);
  EXPECT_EQ(driver_.log(), (Log{"seize 0x50"}));
}

TEST_F(RescueTest, TracerThatIsStoppedLosesItsSession) {
  driver_.fail_seize(EPERM);
  driver_.set_file("/proc/4711/status", "TracerPid:\t99\n");
  driver_.set_file("/proc/99/status", "Name:\tgpreempt\nState:\tT (stopped)\n");
  EXPECT_TRUE(rescued().ended_session);
}

TEST_F(RescueTest, ProcessThatSomebodyTracesNamesTheTracer) {
  driver_.fail_seize(EPERM);
  driver_.fail_next(TrapOp::kDisable, {EPERM});
  driver_.set_file("/proc/4711/status", "Name:\tpython3\nTracerPid:\t99\nUid:\t0\n");
  const auto refused = error();
  EXPECT_EQ(refused.code, Errc::kNotPermitted);
  EXPECT_NE(refused.what.find("kill -KILL 99"), std::string::npos);
}

TEST_F(RescueTest, MissingRightsAreNoTracer) {
  driver_.fail_seize(EPERM);
  driver_.fail_next(TrapOp::kDisable, {EPERM});
  driver_.set_file("/proc/4711/status", "TracerPid:\t0\n");
  EXPECT_NE(error().what.find("ptrace_scope"), std::string::npos);
}

TEST_F(RescueTest, ProcessThatIsGoneHasExited) {
  driver_.fail_seize(ESRCH);
  EXPECT_EQ(error().code, Errc::kProcessExited);
}

TEST_F(RescueTest, FailureLetsTheProcessGo) {
  driver_.fail_next(TrapOp::kEnable, {ENODEV});
  EXPECT_EQ(error().code, Errc::kUnsupported);
  EXPECT_EQ(driver_.log().back(), "detach 0");
}

}  // namespace
}  // namespace gpreempt::kfd
