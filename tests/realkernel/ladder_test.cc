// A controller that is killed or stopped. Goal: whenever that happens, its target runs on and can
// be controlled again; where it does not by itself, rescue or the watchdog frees it. Method: a
// controller in a process of its own attaches, sees its target's runtime end and start, suspends,
// resumes and lets go; it hits itself before its first call to the driver or ptrace, then before
// its second, and so on until it comes through.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/rescue.h"
#include "core/error.h"
#include "core/time.h"
#include "tests/realkernel/controller.h"
#include "tests/realkernel/one_queue_os.h"
#include "tests/realkernel/real_kernel_test.h"
#include "tests/realkernel/runtime_process.h"
#include "tests/support/forked_process.h"
#include "tests/support/shared.h"

namespace gpreempt::kfd {
namespace {

/// Longer than anything here takes that is not stopped.
constexpr Duration kLadderLease = std::chrono::seconds(1);

/// What the controller hits itself with, and who looks after its target.
struct Blow {
  std::string name;
  int signal;
  bool is_watched;
};

/// One climb of the controller, as it and the test see it.
struct Rung {
  int call = 0;                 ///< before which it hits itself, from 1
  std::array<char, 32> name{};  ///< of that call; empty: not hit
};

Result<void> climb(OneQueueOs& os, RuntimeProcess& target, bool is_watched) {
  std::shared_ptr<Heartbeat> heartbeat;
  if (is_watched) {
    auto started = Heartbeat::start(os, {"/proc/self/exe", "watchdog"});
    if (!started) {
      return tl::unexpected<Error>(started.error());
    }
    heartbeat = *std::move(started);
  }
  auto controller = Controller::open(os, heartbeat);
  if (!controller) {
    return tl::unexpected<Error>(controller.error());
  }
  GPREEMPT_TRY(controller->attach(target.pid()));
  if (!target.obeys(Order::kEndRuntime) || !target.obeys(Order::kStartRuntime)) {
    return fail(Errc::kTimedOut, "end and start the target's runtime: it does not go on");
  }
  GPREEMPT_TRY(controller->suspend(kLadderLease));
  GPREEMPT_TRY(controller->resume());
  GPREEMPT_TRY(controller->detach());
  return controller->close();
}

class LadderTest : public ::testing::TestWithParam<Blow> {
 protected:
  /// Returns whether the controller came through.
  bool try_rung(int call) {
    RuntimeProcess target;
    EXPECT_TRUE(target.obeys(Order::kStartRuntime));
    Shared<Rung> rung;
    rung->call = call;
    const ForkedProcess controller([&](int report) { run(target, rung, report); });
    if (GetParam().signal == SIGSTOP) {
      await_stop(target, controller, rung);
    }
    const auto outcome = controller.read();
    const std::string place = rung->name.data();
    SCOPED_TRACE("hit before call " + std::to_string(call) + ", " + place);
    EXPECT_TRUE(controller.await_end());
    places_.insert(place);
    if (outcome.has_value()) {
      EXPECT_EQ(outcome, 1);
      EXPECT_EQ(place, "");
      return true;
    }
    // The pipe is at its end, and the watchdog has it open, too: both are gone.
    EXPECT_NE(place, "") << "the watchdog has killed a controller that was not hit";
    if (!GetParam().is_watched) {
      EXPECT_TRUE(target.runs_on_or_waits());
      EXPECT_TRUE(is_ok(rescue(os_, target.pid())));
    }
    EXPECT_TRUE(target.runs_on());
    EXPECT_TRUE(target.has_obeyed());
    EXPECT_TRUE(target.obeys(Order::kStartRuntime));
    EXPECT_TRUE(is_ok(Controller::control_once(os_, target.pid())));
    EXPECT_TRUE(target.runs_on());
    return false;
  }

 private:
  static void run(RuntimeProcess& target, const Shared<Rung>& rung, int report) {
    int calls = 0;
    OneQueueOs os([&](std::string_view name) {
      if (++calls == rung->call) {
        std::copy_n(name.data(), std::min(name.size(), rung->name.size() - 1), rung->name.data());
        // To the calling thread: it does not come back from this.
        ::syscall(SYS_tgkill, ::getpid(), ::syscall(SYS_gettid), GetParam().signal);
      }
    });
    const auto climbed = climb(os, target, GetParam().is_watched);
    if (!climbed) {
      (void)std::fprintf(stderr, "controller: %s\n", climbed.error().what.c_str());
    }
    report_number(report, climbed ? 1 : 0);
  }

  /// Waits until the controller has come through or is stopped. Then its target is suspended, and
  /// the watchdog kills it; or its target runs on, and this does.
  static void await_stop(const RuntimeProcess& target, const ForkedProcess& controller,
                         const Shared<Rung>& rung) {
    EXPECT_TRUE(await_state(controller.pid(), "TZ"));
    const std::string_view place = rung->name.data();
    if (!place.empty() && place != "suspend" && place != "resume" && place != "detach") {
      EXPECT_TRUE(target.runs_on_or_waits()) << place;
      controller.send(SIGKILL);
    }
  }

  OneQueueOs os_;

 protected:
  std::set<std::string> places_;  ///< before which the controller was hit
};

TEST_P(LadderTest, TargetRunsOnAndCanBeControlledAgain) {
  constexpr int kCallsMax = 60;
  int call = 1;
  while (call < kCallsMax && !try_rung(call) && !HasFailure()) {
    ++call;
  }
  EXPECT_LT(call, kCallsMax);
  for (const char* place : {"seize", "enable", "snapshot", "query event", "send runtime event",
                            "suspend", "resume", "disable", "interrupt", "detach"}) {
    EXPECT_EQ(places_.count(place), 1U) << place;
  }
}

INSTANTIATE_TEST_SUITE_P(OfAController, LadderTest,
                         ::testing::Values(Blow{"KilledAlone", SIGKILL, false},
                                           Blow{"KilledWatched", SIGKILL, true},
                                           Blow{"StoppedWatched", SIGSTOP, true}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace gpreempt::kfd
