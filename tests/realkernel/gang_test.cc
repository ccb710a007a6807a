// Goal: a job of several processes that a launcher forks is found by the product's own launcher,
// its ranks are taken off one by one and given back, and a controller or a rank that dies leaves
// the others free, on Linux and its driver. Method: a stand-in for torchrun with two ranks, each
// with the driver open and the queue that OneQueueOs adds; no GPU, so that nothing is said of
// kernels or collectives.
#include "tests/realkernel/gang.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/launch/tenant.h"
#include "core/error.h"
#include "core/ids.h"
#include "tests/realkernel/controller.h"
#include "tests/realkernel/one_queue_os.h"
#include "tests/realkernel/real_kernel_test.h"
#include "tests/support/forked_process.h"
#include "tests/support/shared.h"

namespace gpreempt::kfd {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr const char* kCount = "/tmp/gang-count";

/// Every rank counts on.
bool all_run_on() {
  const std::uint64_t before = gang_count(kCount);
  return eventually([&] { return gang_count(kCount) >= before + 2; });
}

bool is_gone(Pid pid) {
  const std::string state = status_of(pid, pid.value(), "State");
  return state.empty() || state.starts_with('Z');
}

std::string tracer_of(Pid pid) { return status_of(pid, pid.value(), "TracerPid"); }

/// Attaches to each rank and takes all of them off, as for a service that wants the GPU.
Result<void> take_all(Controller& controller, const std::vector<Pid>& ranks) {
  for (const Pid rank : ranks) {
    GPREEMPT_TRY(controller.attach(rank));
  }
  for (const Pid rank : ranks) {
    controller.choose(rank);
    GPREEMPT_TRY(controller.suspend(hours(1)));
  }
  return {};
}

class RealGangTest : public ::testing::Test {
 protected:
  void SetUp() override {
    (void)::unlink(kCount);
    const auto up = job_.bring_up({.roots = {},
                                   .gpus = {GpuId(OneQueueOs::kGpu)},
                                   .ready_patience = seconds(20),
                                   .settle = {},
                                   .hints = nullptr,
                                   .say = {}},
                                  "/tmp/gang-hints");
    ASSERT_TRUE(is_ok(up));
    ASSERT_EQ(job_.pids().size(), kRanks);
    ASSERT_TRUE(all_run_on());
  }
  void TearDown() override {
    EXPECT_TRUE(is_ok(job_.end(seconds(5))));
    for (const Pid rank : job_.pids()) {
      EXPECT_TRUE(is_gone(rank)) << rank.value();
    }
  }
  /// A controller can do all to each rank, once nobody holds it: not the one before, nor the
  /// watchdog that frees what that one has left.
  void expect_free() {
    for (const Pid rank : job_.pids()) {
      EXPECT_TRUE(eventually([&] { return Controller::control_once(os_, rank).has_value(); }))
          << rank.value();
      EXPECT_EQ(tracer_of(rank), "0") << rank.value();
    }
    EXPECT_TRUE(all_run_on());
  }

  OneQueueOs os_;
  Tenant job_{os_,
              "ddp",
              {.argv = {"/proc/self/exe", "gang", kCount},
               .existing = {},
               .processes = kRanks,
               .says_ready = false}};
};

TEST_F(RealGangTest, OneRankIsTakenOffAHundredTimesAndTheOthersAreLeftAlone) {
  auto controller = Controller::open(os_);
  ASSERT_TRUE(is_ok(controller));
  const Pid rank = job_.pids().front();
  ASSERT_TRUE(is_ok(controller->attach(rank)));
  EXPECT_NE(tracer_of(rank), "0");
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(is_ok(controller->suspend(seconds(10)))) << i;
    ASSERT_EQ(tracer_of(job_.pids().back()), "0") << i;
    ASSERT_TRUE(is_ok(controller->resume())) << i;
  }
  EXPECT_TRUE(all_run_on());
  EXPECT_TRUE(is_ok(controller->detach()));
  EXPECT_TRUE(is_ok(controller->close()));
  expect_free();
}

TEST_F(RealGangTest, OneControllerTakesAllRanksOffAndGivesThemBack) {
  auto controller = Controller::open(os_);
  ASSERT_TRUE(is_ok(controller));
  ASSERT_TRUE(is_ok(take_all(*controller, job_.pids())));
  for (const Pid rank : job_.pids()) {
    EXPECT_NE(tracer_of(rank), "0") << rank.value();
    controller->choose(rank);
    EXPECT_TRUE(is_ok(controller->resume()));
  }
  EXPECT_TRUE(is_ok(controller->close()));
  expect_free();
}

TEST_F(RealGangTest, KilledControllerLeavesEveryRankFree) {
  struct Stage {
    std::atomic<bool> is_off = false;
  };
  const Shared<Stage> stage;
  const ForkedProcess policy([&](int /*report*/) {
    OneQueueOs os;
    auto heartbeat = Heartbeat::start(os, {"/proc/self/exe", "watchdog"});
    if (heartbeat) {
      auto controller = Controller::open(os, *std::move(heartbeat));
      if (controller && take_all(*controller, job_.pids())) {
        stage->is_off = true;
        (void)::poll(nullptr, 0, -1);
      }
    }
  });
  ASSERT_TRUE(eventually([&] { return stage->is_off.load(); }));
  EXPECT_TRUE(all_run_on());  // off is the GPU's matter: no process is stopped
  ASSERT_EQ(::kill(policy.pid().value(), SIGKILL), 0);
  expect_free();
}

TEST_F(RealGangTest, RankThatDiesWhileItIsOffDoesNotKeepTheOther) {
  auto controller = Controller::open(os_);
  ASSERT_TRUE(is_ok(controller));
  ASSERT_TRUE(is_ok(take_all(*controller, job_.pids())));
  const Pid dead = job_.pids().front();
  const Pid other = job_.pids().back();
  ASSERT_EQ(::kill(dead.value(), SIGKILL), 0);
  const auto exited = controller->await<TargetExited>();
  EXPECT_TRUE(is_ok(exited));
  EXPECT_TRUE(is_gone(dead));
  EXPECT_FALSE(is_gone(other));
  controller->choose(other);
  EXPECT_TRUE(is_ok(controller->resume()));
  EXPECT_TRUE(is_ok(controller->close()));
  EXPECT_TRUE(eventually([&] { return tracer_of(other) == "0"; }));
  EXPECT_TRUE(is_ok(Controller::control_once(os_, other)));
}

}  // namespace
}  // namespace gpreempt::kfd
