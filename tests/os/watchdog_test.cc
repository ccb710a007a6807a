// The watchdog and what it is told. Goal: it knows of each suspension before the driver does, and a
// controller that is stopped, hangs or dies costs its targets nothing. Method: the scripted driver;
// real processes as controller and target.
#include "backends/kfd/watchdog.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/heartbeat.h"
#include "backends/kfd/os.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/kfd/backend_test.h"
#include "tests/os/real_processes.h"
#include "tests/support/forked_process.h"

namespace gpreempt::kfd {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// ---- what it is told

class HeartbeatTest : public BackendTest {
 protected:
  void SetUp() override {
    pipe_ = driver_.pipe().value();
    driver_.log_beats(pipe_.write);
    heartbeat_ = std::make_shared<Heartbeat>(driver_, pipe_.write);
    open();
  }
  std::ptrdiff_t count(const std::string& call) {
    const Log log = driver_.log();
    return std::count(log.begin(), log.end(), call);
  }
  PipeEnds pipe_;
};

TEST_F(HeartbeatTest, TellsOfATargetBeforeItIsTracedAndAfterItIsLetGo) {
  target_ = backend_->attach(FakeDriver::kTargetPid, AttachMode::kControl).value();
  EXPECT_FALSE(take<AttachDone>().error);
  EXPECT_TRUE(backend_->close());
  EXPECT_EQ(driver_.log(), (Log{"beat 1 4711", "seize 0x50", "enable 0x800040000000", "snapshot",
                                "disable", "beat 2 4711", "interrupt", "detach 0", "beat 4 4711"}));
}

TEST_F(HeartbeatTest, TellsBeforeASuspensionAndAfterItsEnd) {
  const auto queues = attach({0});
  (void)suspend(queues);
  (void)resume(queues);
  EXPECT_TRUE(driver_.await_call("beat 3 4711"));
  EXPECT_EQ(driver_.log(),
            (Log{"beat 2 4711", "snapshot", "suspend 0", "resume 0", "beat 3 4711"}));
}

TEST_F(HeartbeatTest, TellsOfALeaseThatIsMet) {
  const auto queues = attach({0});
  (void)suspend(queues, Duration(1));
  (void)take<LeaseExpired>();
  EXPECT_TRUE(driver_.await_call("beat 3 4711"));
}

TEST_F(HeartbeatTest, NothingIsSuspendedWithoutAWatchdogThatReads) {
  const auto queues = attach({0});
  driver_.log_beats(pipe_.write, EAGAIN);
  const auto done = suspend(queues);
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, Errc::kBusy);
  EXPECT_EQ(outcomes(done), std::vector{Outcome::kError});
  EXPECT_EQ(driver_.log(), Log{});
}

TEST_F(HeartbeatTest, LeaseThatIsNotMetIsNotMadeLonger) {
  const auto queues = attach({0});
  driver_.fail_next(abi::TrapOp::kResumeQueues, {ENOMEM, ENOMEM});
  (void)suspend(queues, Duration(1));
  (void)take<LeaseExpired>();
  EXPECT_TRUE(driver_.await_call("beat 3 4711"));
  EXPECT_EQ(count("resume 0"), 3);
  EXPECT_EQ(count("beat 2 4711"), 1);
}

// ---- what it does

class WatchdogTest : public ::testing::Test {
 protected:
  WatchdogTest()
      : controller_(std::make_unique<ForkedProcess>([](int) { ::pause(); })),
        target_(std::make_unique<ForkedProcess>([](int) { ::pause(); })),
        pipe_(driver_.pipe().value()),
        heartbeat_(driver_, pipe_.write) {}

  Result<WatchdogReport> watch() {
    return watch_controller(driver_, pipe_.read,
                            {.controller = controller_->pid(), .patience = milliseconds(1)});
  }
  void tell(Beat::Kind kind, Duration lease = {}) {
    EXPECT_TRUE(
        heartbeat_.tell(kind, target_->pid(), driver_.now(), saturating_add(driver_.now(), lease)));
  }
  bool is_killed() { return await_state(controller_->pid(), "Z"); }

  RealProcesses driver_;
  std::unique_ptr<ForkedProcess> controller_;
  std::unique_ptr<ForkedProcess> target_;
  PipeEnds pipe_;
  Heartbeat heartbeat_;
};

TEST_F(WatchdogTest, KillsAControllerThatLetsALeasePass) {
  tell(Beat::Kind::kAttached);
  tell(Beat::Kind::kSuspending, milliseconds(1));
  const auto report = watch();
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_TRUE(report->killed);
  EXPECT_TRUE(is_killed());
}

TEST_F(WatchdogTest, GivesAControllerAsLongAgainAsTheLeaseWas) {
  const Duration lease = milliseconds(200);
  const Instant begin = driver_.now();
  tell(Beat::Kind::kAttached);
  tell(Beat::Kind::kSuspending, lease);
  EXPECT_TRUE(watch().value().killed);
  EXPECT_GE(driver_.now(), begin + 2 * lease);
}

TEST_F(WatchdogTest, KillsAControllerThatIsStopped) {
  controller_->send(SIGSTOP);
  EXPECT_TRUE(await_state(controller_->pid(), "T"));
  tell(Beat::Kind::kAttached);
  tell(Beat::Kind::kSuspending, milliseconds(1));
  EXPECT_TRUE(watch().value().killed);
  EXPECT_TRUE(is_killed());
}

TEST_F(WatchdogTest, KillsAStoppedControllerOfATargetThatIsNotSuspended) {
  controller_->send(SIGSTOP);
  EXPECT_TRUE(await_state(controller_->pid(), "T"));
  tell(Beat::Kind::kAlive);
  tell(Beat::Kind::kAttached);
  const auto report = watch_controller(
      driver_, pipe_.read, {.controller = controller_->pid(), .silence = milliseconds(1)});
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_TRUE(report->killed);
  EXPECT_TRUE(report->was_silent);
  EXPECT_TRUE(is_killed());
  EXPECT_EQ(status_of(target_->pid(), target_->pid().value(), "TracerPid"), "0");
}

TEST_F(WatchdogTest, FreesWhatADeadControllerHeld) {
  tell(Beat::Kind::kAttached);
  controller_->send(SIGKILL);
  const auto report = watch();
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_FALSE(report->killed);
  EXPECT_TRUE(report->errors.empty());
  EXPECT_EQ(driver_.log(), (std::vector<std::string>{"enable 0x800000000000", "disable"}));
  EXPECT_EQ(status_of(target_->pid(), target_->pid().value(), "TracerPid"), "0");
}

TEST_F(WatchdogTest, LeavesATargetAloneThatIsGone) {
  tell(Beat::Kind::kAttached);
  target_->send(SIGKILL);
  EXPECT_TRUE(await_state(target_->pid(), "Z"));
  controller_->send(SIGKILL);
  EXPECT_TRUE(watch().value().errors.empty());
  EXPECT_TRUE(driver_.log().empty());
}

TEST_F(WatchdogTest, ControllerThatMeetsItsLeasesLives) {
  tell(Beat::Kind::kAttached);
  tell(Beat::Kind::kSuspending, hours(1));
  tell(Beat::Kind::kSuspending, milliseconds(1));
  tell(Beat::Kind::kRunning);
  tell(Beat::Kind::kDetached);
  driver_.close(pipe_.write);
  const auto report = watch();
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_FALSE(report->killed);
  EXPECT_FALSE(status_of(controller_->pid(), controller_->pid().value(), "State").starts_with("Z"));
}

TEST_F(WatchdogTest, ControllerThatIsGoneIsAnError) {
  const auto report = watch_controller(driver_, pipe_.read, {.controller = Pid(999'999'999)});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::kProcessExited);
}

TEST_F(WatchdogTest, IsStartedByItsController) {
  // Stands for the command: reads the pipe by its path until the controller closes it.
  auto started = Heartbeat::start(
      driver_, {"sh", "-c", R"(test "$1" = --controller && exec cat "$4" >/dev/null)", "sh"});
  ASSERT_TRUE(started) << started.error().what;
  EXPECT_TRUE((*started)->tell(Beat::Kind::kAttached, target_->pid()));
  (*started)->close();
}

TEST_F(WatchdogTest, ThatHasEndedHearsNothing) {
  // Ends when its controller has told it something.
  auto started =
      Heartbeat::start(driver_, {"sh", "-c", R"(exec head -c 24 "$4" >/dev/null)", "sh"});
  ASSERT_TRUE(started) << started.error().what;
  bool heard = true;
  // Fewer than fill the pipe: it is the end that is noticed.
  for (int i = 0; i < 2'000 && heard; ++i) {
    heard = (*started)->tell(Beat::Kind::kRunning, target_->pid());
    (void)driver_.wait(std::span<WaitFd>(), saturating_add(driver_.now(), milliseconds(5)));
  }
  EXPECT_FALSE(heard);
  (*started)->close();
}

TEST_F(WatchdogTest, ThatCannotBeStartedIsAnError) {
  EXPECT_EQ(Heartbeat::start(driver_, {"/nowhere/at-all"}).error().code, Errc::kIo);
  EXPECT_EQ(Heartbeat::start(driver_, {"false"}).error().code, Errc::kIo);
}

}  // namespace
}  // namespace gpreempt::kfd
