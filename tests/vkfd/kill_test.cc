// Goal: whatever the controller is doing when it dies, no queue stays suspended, and a deadlock is
// reported instead of hanging. Method: kill -9 at many instants of a busy schedule.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/os.h"
#include "backends/kfd/rescue.h"
#include "backends/sim/world.h"
#include "backends/vkfd/ioctl_probe.h"
#include "backends/vkfd/sim_os.h"
#include "backends/vkfd/vkfd_testbed.h"
#include "core/backend.h"
#include "core/checked_backend.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using std::chrono::milliseconds;

/// A controller with two Offline targets and a busy Online one.
class BusyController {
 public:
  explicit BusyController(Rig& rig)
      : system_(rig.system()),
        offline_{system_.launch(training(2)).value(), system_.launch(training(1)).value()},
        scheduler_(make_policy("suspend").value(), {}) {
    const Pid online = system_.launch(inference(200, milliseconds(1), 7)).value();
    auto backend = kfd::open_backend(rig.os(), {}).value();
    system_.observe(backend.get(), nullptr);
    backend_ = make_checked_backend(std::move(backend));
    std::vector<TargetId> targets;
    targets.reserve(offline_.size());
    for (const Pid pid : offline_) {
      targets.push_back(backend_->attach(pid, AttachMode::kControl).value());
    }
    EXPECT_TRUE(scheduler_.add_tenant({.name = "off", .priority = 2, .targets = targets}));
    EXPECT_TRUE(scheduler_.add_tenant(
        {.name = "on",
         .cls = TenantClass::kOnline,
         .priority = 15,
         .targets = {backend_->attach(online, AttachMode::kObserve).value()}}));
    system_.start();
  }

  void run_for(Duration duration) {
    EventSink nowhere;
    EXPECT_TRUE(drive(*backend_, scheduler_, nowhere, backend_->now() + duration));
  }
  /// What a command does: the loop ends with the error, and the backend is closed.
  void end_by_interrupt() {
    EventSink nowhere;
    const auto driven = drive(*backend_, scheduler_, nowhere, kForever);
    ASSERT_FALSE(driven);
    EXPECT_EQ(driven.error().code, Errc::kInterrupted);
    EXPECT_TRUE(backend_->close());
    system_.observe(nullptr, nullptr);
    backend_.reset();
  }
  void kill(SimOs& os) {
    os.kill();
    system_.observe(nullptr, nullptr);
    backend_.reset();
  }
  [[nodiscard]] const std::array<Pid, 2>& offline() const { return offline_; }
  [[nodiscard]] std::uint32_t off_queues() const {
    constexpr std::uint32_t kQueues = 4;
    return kQueues - system_.kfd().active_queues(0);
  }

 private:
  sim::System& system_;
  std::array<Pid, 2> offline_;
  Scheduler scheduler_;
  std::unique_ptr<Backend> backend_;
};

void let_pass(sim::World& in, Duration duration) {
  const auto waiter = in.timeline().make_waiter("time to pass");
  (void)waiter->wait(in.timeline().now() + duration);
}

TEST(KilledController, LeavesNothingSuspendedWhereverItDies) {
  constexpr int kInstants = 150;
  constexpr Duration kStep{137'003};
  int died_suspending = 0;
  for (int k = 0; k < kInstants; ++k) {
    SCOPED_TRACE(k);
    ASSERT_TRUE(run([&] {
      Rig rig;
      BusyController controller(rig);
      controller.run_for(k * kStep);
      died_suspending += controller.off_queues() > 0 ? 1 : 0;
      controller.kill(rig.os());
      // Two sessions end with four refreshes each, which save and restore up to 85 MB over a bus
      // of 36 GB/s.
      let_pass(world(), milliseconds(50));
      EXPECT_EQ(controller.off_queues(), 0U);
      for (const Pid pid : controller.offline()) {
        const Duration before = rig.system().progress(pid).work;
        let_pass(world(), milliseconds(20));
        EXPECT_GT(rig.system().progress(pid).work, before);
        IoctlProbe next(rig.machine());
        EXPECT_TRUE(next.enable(pid));
        EXPECT_TRUE(next.disable(pid));
      }
    }));
  }
  EXPECT_GT(died_suspending, kInstants / 10);
}

TEST(KilledController, MakesNoFurtherCalls) {
  ASSERT_TRUE(run([] {
    Rig rig;
    BusyController controller(rig);
    controller.run_for(milliseconds(10));
    controller.kill(rig.os());
    let_pass(world(), milliseconds(5));  // what was in the driver ends
    const auto calls = rig.system().kfd().calls().size();
    let_pass(world(), milliseconds(50));
    EXPECT_EQ(rig.system().kfd().calls().size(), calls);
    std::array<kfd::WaitFd, 1> none{};
    EXPECT_EQ(rig.os().wait(none, kForever).error().number, ECANCELED);
    EXPECT_FALSE(rig.os().spawn("late", [] {}));
    EXPECT_FALSE(rig.os().make_waker());
  }));
}

TEST(InterruptedController, ResumesAndDetachesWhereverItIsAsked) {
  constexpr int kInstants = 20;
  constexpr Duration kStep{1'137'003};
  for (int k = 0; k < kInstants; ++k) {
    SCOPED_TRACE(k);
    ASSERT_TRUE(run([&] {
      Rig rig;
      BusyController controller(rig);
      controller.run_for(k * kStep);
      rig.os().ask_to_end(SIGTERM);
      controller.end_by_interrupt();
      EXPECT_EQ(controller.off_queues(), 0U);
      for (const Pid pid : controller.offline()) {
        IoctlProbe next(rig.machine());
        EXPECT_TRUE(next.enable(pid));
        EXPECT_TRUE(next.disable(pid));
      }
    }));
  }
}

TEST(KilledController, LeavesTargetsThatRescueFindsWell) {
  ASSERT_TRUE(run([] {
    Rig rig;
    BusyController controller(rig);
    controller.run_for(milliseconds(10));
    controller.kill(rig.os());
    const auto other = SimOs::open(rig.machine());
    for (const Pid pid : controller.offline()) {
      let_pass(world(), milliseconds(20));
      const auto rescued = kfd::rescue(*other, pid);
      ASSERT_TRUE(rescued) << rescued.error().what;
      EXPECT_FALSE(rescued->ended_session);
    }
    EXPECT_EQ(controller.off_queues(), 0U);
    other->kill();
  }));
}

TEST(LivingController, KeepsItsTargetsFromRescue) {
  ASSERT_TRUE(run([] {
    Rig rig;
    BusyController controller(rig);
    controller.run_for(milliseconds(10));
    const auto other = SimOs::open(rig.machine());
    for (const Pid pid : controller.offline()) {
      // This driver would let anybody end the session.
      const auto refused = kfd::rescue(*other, pid);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, Errc::kNotPermitted) << refused.error().what;
    }
    other->kill();
    controller.kill(rig.os());
    let_pass(world(), milliseconds(20));
    EXPECT_EQ(controller.off_queues(), 0U);
  }));
}

TEST(VkfdTestbed, OfflineRunsOnAfterItsControllerWasKilled) {
  ASSERT_TRUE(run([] {
    const auto testbed = open_vkfd_testbed(world(), options()).value();
    const Pid pid = testbed->launch(training(1)).value();
    Backend& backend = testbed->backend();
    const TargetId target = backend.attach(pid, AttachMode::kControl).value();
    testbed->start();
    std::vector<QueueId> ids;
    while (ids.empty()) {
      ASSERT_TRUE(backend.next_event(kForever).value());
      for (const QueueInfo& queue : backend.queues(target)) {
        ids.push_back(queue.id);
      }
    }
    EXPECT_TRUE(backend.next_event(kForever).value());  // attached
    ASSERT_TRUE(backend.control(target, ids, Suspend{.lease = std::chrono::hours(1)}));
    ASSERT_TRUE(testbed->wait(milliseconds(50)));
    const auto stopped = testbed->progress(pid).work;
    ASSERT_TRUE(testbed->wait(milliseconds(50)));
    EXPECT_EQ(testbed->progress(pid).work, stopped);
    testbed->kill_controller();
    ASSERT_TRUE(testbed->wait(milliseconds(50)));
    EXPECT_GT(testbed->progress(pid).work, stopped);
  }));
}

TEST(VkfdTestbed, MayBeDestroyedWithItsBackendOpen) {
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(run([] {
      const auto testbed = open_vkfd_testbed(world(), options()).value();
      const Pid pid = testbed->launch(training(1)).value();
      EXPECT_TRUE(testbed->backend().attach(pid, AttachMode::kControl));
    }));
  }
}

TEST(World, DeadlockSaysWhoWaitsForWhat) {
  const auto result = run([] {
    Rig rig;
    std::array<kfd::WaitFd, 1> fds{kfd::WaitFd{.fd = rig.os().make_waker().value()}};
    (void)rig.os().wait(fds, kForever);
  });
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().what.find("main waits for a message"), std::string::npos)
      << result.error().what;
}

TEST(World, DeadlockUnderAnOpenBackendNamesItsWorkersToo) {
  const auto result = run([] {
    const auto testbed = open_vkfd_testbed(world(), options()).value();
    (void)testbed->backend().next_event(kForever);
  });
  ASSERT_FALSE(result);
  const std::string& what = result.error().what;
  EXPECT_NE(what.find("main waits for a message"), std::string::npos) << what;
  EXPECT_NE(what.find("reaper waits for a child's change or a message"), std::string::npos) << what;
}

}  // namespace
}  // namespace gpreempt::vkfd
