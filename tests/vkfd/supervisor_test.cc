// Goal: whatever happens to the controller or to its watchdog, everything runs on, and another
// controller can take over. Method: each is a process of its own on the model of the driver; one is
// killed (which is what the kernel does to it when memory is short, too) or stopped (by SIGSTOP or
// in a frozen control group) while the job is suspended for long, and while it is not.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/safety/supervised.h"
#include "backends/kfd/watchdog.h"
#include "backends/vkfd/ioctl_probe.h"
#include "backends/vkfd/sim_os.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kQueues = 2;

/// A job, its controller and the controller's watchdog.
class SupervisedRig {
 public:
  SupervisedRig() : target_(rig_.system().launch(training(kQueues)).value()) {
    pipe_ = controller_->pipe().value();
    watchdog_ = controller_->fork(false);
    watchdog_->close(pipe_.write);
    rig_.system().start();
  }
  SupervisedRig(const SupervisedRig&) = delete;
  SupervisedRig& operator=(const SupervisedRig&) = delete;
  ~SupervisedRig() {
    controller_->kill();
    watchdog_->kill();
    looker_->kill();
  }

  /// Both run from here on. `lease`: of the suspension; zero: the job is attached only.
  void begin(Duration lease) {
    ASSERT_TRUE(watchdog_->spawn("watch", [this] {
      report_ = kfd::watch_controller(*watchdog_, pipe_.read, {.controller = controller_->pid()});
    }));
    ASSERT_TRUE(controller_->spawn("policy", [this, lease] { control(lease); }));
    let_pass(milliseconds(300));
    ASSERT_EQ(active_queues(), lease > Duration{} ? 0U : kQueues);
    ASSERT_NE(tracer(), "0");
  }

  [[nodiscard]] SimOs& controller() { return *controller_; }
  [[nodiscard]] SimOs& watchdog() { return *watchdog_; }
  /// Set once the watchdog has ended of itself.
  [[nodiscard]] const std::optional<Result<kfd::WatchdogReport>>& report() const { return report_; }
  /// Why the controller stopped; empty: it did not.
  [[nodiscard]] const std::string& stopped() const { return stopped_; }

  [[nodiscard]] std::uint32_t active_queues() { return rig_.system().kfd().active_queues(0); }
  void end_target() {
    const auto pidfd = looker_->open_pidfd(target_).value();
    EXPECT_TRUE(looker_->signal(pidfd, SIGKILL));
  }
  void let_pass(Duration duration) { EXPECT_TRUE(looker_->wait({}, looker_->now() + duration)); }
  [[nodiscard]] std::string tracer() {
    const auto status =
        kfd::read_process_status(*looker_, "/proc", std::to_string(target_.value()));
    return status ? kfd::value_of(*status, "TracerPid") : std::string();
  }
  void expect_free() {
    EXPECT_EQ(active_queues(), kQueues);
    EXPECT_EQ(tracer(), "0");
    const Duration before = rig_.system().progress(target_).work;
    let_pass(milliseconds(50));
    EXPECT_GT(rig_.system().progress(target_).work, before);
    IoctlProbe next(rig_.machine());
    EXPECT_TRUE(next.enable(target_));
    EXPECT_TRUE(next.disable(target_));
  }

 private:
  /// What a command does: it attaches, suspends, and waits until it is told to stop.
  void control(Duration lease) {
    kfd::SupervisionOptions options;
    options.guard.may_control = {target_};
    options.backend.heartbeat =
        kfd::Heartbeat::adopt(*controller_, pipe_, watchdog_->pid()).value();
    const auto opened = kfd::open_supervised(*controller_, std::move(options)).value();
    Backend& backend = *opened.backend;
    const TargetId id = backend.attach(target_, AttachMode::kControl).value();
    for (;;) {
      const auto event = backend.next_event(kForever);
      if (!event) {
        stopped_ = event.error().what;
        break;
      }
      const bool is_attached = std::holds_alternative<AttachDone>(event->value().what);
      if (is_attached && lease > Duration{}) {
        std::vector<QueueId> ids;
        for (const QueueInfo& queue : backend.queues(id)) {
          ids.push_back(queue.id);
        }
        EXPECT_TRUE(backend.control(id, ids, Suspend{.grace = {}, .lease = lease}));
      }
    }
    const auto closed = backend.close();
    // Whoever is killed in it gets no further.
    EXPECT_TRUE(closed || controller_->is_dead()) << "after: " << stopped_;
  }

  Rig rig_;
  Pid target_;
  std::shared_ptr<SimOs> controller_ = SimOs::open(rig_.machine());
  std::shared_ptr<SimOs> looker_ = SimOs::open(rig_.machine());
  std::shared_ptr<SimOs> watchdog_;
  kfd::PipeEnds pipe_;
  std::optional<Result<kfd::WatchdogReport>> report_;
  std::string stopped_;
};

enum class Whom { kController, kWatchdog };
enum class Blow { kKill, kStop };
struct Case {
  std::string name;
  Whom whom;
  Blow blow;
  Duration lease;       ///< of the suspension; zero: there is none
  Duration free_after;  ///< by when all must be well
};
void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

class SupervisorTest : public ::testing::TestWithParam<Case> {};

TEST_P(SupervisorTest, EverythingRunsOnAndAnotherControllerMayCome) {
  ASSERT_TRUE(run([] {
    const Case& each = GetParam();
    SupervisedRig rig;
    ASSERT_NO_FATAL_FAILURE(rig.begin(each.lease));
    SimOs& victim = each.whom == Whom::kController ? rig.controller() : rig.watchdog();
    each.blow == Blow::kKill ? victim.kill() : victim.freeze();
    rig.let_pass(each.free_after);
    rig.expect_free();
    // The controller waits a second for the end of its watchdog.
    rig.let_pass(seconds(1));
    if (each.whom == Whom::kWatchdog) {
      EXPECT_NE(rig.stopped().find("the watchdog has ended or is stopped"), std::string::npos)
          << rig.stopped();
      return;
    }
    ASSERT_TRUE(rig.report());
    const Result<kfd::WatchdogReport>& report = *rig.report();
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->killed, each.blow == Blow::kStop);
    EXPECT_TRUE(rig.controller().is_dead());
  }));
}

// The ends are what docs/safety.md promises: at the death of the controller, of whom the kernel
// closes all; at twice the lease or half a second after it; after 3 s of silence and a second more;
// within a look at the watchdog (20 ms), or 3 s if that is stopped, and a pulse (500 ms).
INSTANTIATE_TEST_SUITE_P(
    OfBoth, SupervisorTest,
    ::testing::Values(
        Case{"PolicyKilledSuspended", Whom::kController, Blow::kKill, hours(1), milliseconds(50)},
        Case{"PolicyKilledAttached", Whom::kController, Blow::kKill, {}, milliseconds(50)},
        Case{"PolicyStoppedWithAShortLease", Whom::kController, Blow::kStop, milliseconds(400),
             milliseconds(1'000)},
        Case{"PolicyStoppedWithALongLease", Whom::kController, Blow::kStop, hours(1),
             milliseconds(4'600)},
        Case{"PolicyStoppedAttached", Whom::kController, Blow::kStop, {}, milliseconds(4'600)},
        Case{"WatchdogKilledSuspended", Whom::kWatchdog, Blow::kKill, hours(1), milliseconds(200)},
        Case{"WatchdogKilledAttached", Whom::kWatchdog, Blow::kKill, {}, milliseconds(200)},
        Case{"WatchdogStoppedSuspended", Whom::kWatchdog, Blow::kStop, hours(1),
             milliseconds(4'000)},
        Case{"WatchdogStoppedAttached", Whom::kWatchdog, Blow::kStop, {}, milliseconds(4'000)}),
    [](const auto& each) { return each.param.name; });

TEST(Supervisor, BothStoppedAndGoneOnWithTogetherAreLeftAlone) {
  ASSERT_TRUE(run([] {
    SupervisedRig rig;
    ASSERT_NO_FATAL_FAILURE(rig.begin({}));
    for (int i = 0; i < 3; ++i) {
      rig.watchdog().freeze();
      rig.controller().freeze();
      rig.let_pass(seconds(60));
      rig.watchdog().thaw();
      rig.let_pass(milliseconds(10));
      rig.controller().thaw();
      rig.let_pass(seconds(2));
      EXPECT_FALSE(rig.controller().is_dead());
      EXPECT_FALSE(rig.report());
      EXPECT_EQ(rig.stopped(), "");
    }
  }));
}

TEST(Supervisor, StoppedControllerThatHoldsNobodyIsLeftAlone) {
  ASSERT_TRUE(run([] {
    SupervisedRig rig;
    ASSERT_NO_FATAL_FAILURE(rig.begin({}));
    rig.end_target();
    rig.let_pass(milliseconds(500));
    rig.controller().freeze();
    rig.let_pass(seconds(60));
    EXPECT_FALSE(rig.controller().is_dead());
  }));
}

TEST(Supervisor, ControllerThatIsWellIsLeftAloneForLong) {
  ASSERT_TRUE(run([] {
    SupervisedRig rig;
    ASSERT_NO_FATAL_FAILURE(rig.begin(hours(1)));
    rig.let_pass(seconds(300));
    EXPECT_FALSE(rig.controller().is_dead());
    EXPECT_EQ(rig.stopped(), "");
    EXPECT_EQ(rig.active_queues(), 0U);
  }));
}

}  // namespace
}  // namespace gpreempt::vkfd
