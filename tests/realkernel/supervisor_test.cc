// Goal: whatever ends or stops a controller or its watchdog, the target runs on and another
// controller can take over. Method: a guarded controller in a process of its own, with its watchdog
// in another, has suspended its target for an hour; then Linux kills or stops one of the two in
// each way that it has.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/safety/supervised.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/realkernel/one_queue_os.h"
#include "tests/realkernel/real_kernel_test.h"
#include "tests/realkernel/runtime_process.h"
#include "tests/support/forked_process.h"
#include "tests/support/shared.h"

namespace gpreempt::kfd {
namespace {

constexpr const char* kGroup = "/sys/fs/cgroup/victim";

/// How a controller ends: what its child process reports.
enum class Ending : int { kError = 1, kStoppedByGuard = 2 };

/// What the controller tells the test.
struct Stage {
  std::atomic<std::int32_t> watchdog = 0;
  std::atomic<bool> is_suspended = false;
  std::array<char, 256> stopped_for{};
};

bool put(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file.good();
}

Result<Supervised> open_guarded(OneQueueOs& os, Pid target, const Shared<Stage>& stage) {
  auto heartbeat = Heartbeat::start(os, {"/proc/self/exe", "watchdog"});
  if (!heartbeat) {
    return tl::unexpected<Error>(heartbeat.error());
  }
  stage->watchdog = (*heartbeat)->watchdog().value();
  SupervisionOptions options;
  // A test before this one has put trouble into the log.
  options.trouble = {.sysfs_root = std::string(OneQueueOs::kSysfsRoot), .back_off = {}};
  options.guard.may_control = {target};
  options.backend = {.sysfs_root = std::string(OneQueueOs::kSysfsRoot),
                     .rescan_period = {},
                     .first_queue_poll = {},
                     .take_signals = false,
                     .heartbeat = *std::move(heartbeat)};
  return open_supervised(os, std::move(options));
}

/// Suspends the target's queue for an hour and waits for an end of it.
Result<Ending> control(OneQueueOs& os, Pid pid, const Shared<Stage>& stage) {
  auto supervised = open_guarded(os, pid, stage);
  if (!supervised) {
    return tl::unexpected<Error>(supervised.error());
  }
  Backend& backend = *supervised->backend;
  const auto target = backend.attach(pid, AttachMode::kControl);
  GPREEMPT_TRY(target);
  std::vector<QueueId> ids;
  for (;;) {
    const auto event = backend.next_event(kForever);
    if (!event) {
      (void)std::snprintf(stage->stopped_for.data(), stage->stopped_for.size(), "%s",
                          event.error().what.c_str());
      break;
    }
    const auto& what = event->value().what;
    if (const auto* const born = std::get_if<QueueBorn>(&what)) {
      ids.push_back(born->queue.id);
    } else if (std::holds_alternative<AttachDone>(what)) {
      GPREEMPT_TRY(
          backend.control(*target, ids, Suspend{.grace = {}, .lease = std::chrono::hours(1)}));
    } else if (std::holds_alternative<ControlDone>(what)) {
      stage->is_suspended = true;
    }
  }
  const bool is_stopped = supervised->guard->stopped().has_value();
  GPREEMPT_TRY(backend.close());
  return is_stopped ? Ending::kStoppedByGuard : Ending::kError;
}

enum class Whom { kPolicy, kWatchdog };
enum class Harm { kKill, kStop, kFreeze, kOutOfMemory };
struct Case {
  std::string name;
  Whom whom;
  Harm harm;
};
void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }

/// Returns whether Linux did it.
bool strike(Pid victim, Harm harm) {
  const std::string pid = std::to_string(victim.value());
  switch (harm) {
    case Harm::kKill: return ::kill(victim.value(), SIGKILL) == 0;
    case Harm::kStop: return ::kill(victim.value(), SIGSTOP) == 0;
    case Harm::kFreeze:
      return (::mkdir(kGroup, 0755) == 0 || errno == EEXIST) &&
             put(std::string(kGroup) + "/cgroup.procs", pid) &&
             put(std::string(kGroup) + "/cgroup.freeze", "1");
    case Harm::kOutOfMemory:
      // The kernel's own choice of whom to kill, asked for as if memory were short.
      return put("/proc/" + pid + "/oom_score_adj", "1000") && put("/proc/sysrq-trigger", "f");
  }
  return false;
}

class RealSupervisorTest : public ::testing::TestWithParam<Case> {
 protected:
  void TearDown() override {
    (void)put(std::string(kGroup) + "/cgroup.freeze", "0");
    if (stage_->watchdog != 0) {
      (void)::kill(stage_->watchdog, SIGKILL);
    }
  }
  void expect_free(const RuntimeProcess& target) {
    EXPECT_TRUE(target.runs_on());
    EXPECT_TRUE(target.has_obeyed());
  }
  OneQueueOs os_;
  Shared<Stage> stage_;
};

TEST_P(RealSupervisorTest, TargetRunsOnAndCanBeControlledAgain) {
  RuntimeProcess target;
  ASSERT_TRUE(target.obeys(Order::kStartRuntime));
  const Shared<Stage>& stage = stage_;
  const ForkedProcess controller([&](int report) {
    OneQueueOs os;
    const auto ended = control(os, target.pid(), stage);
    if (!ended) {
      (void)std::fprintf(stderr, "controller: %s\n", ended.error().what.c_str());
    }
    report_number(report, static_cast<int>(ended.value_or(Ending::kError)));
  });
  ASSERT_TRUE(eventually([&] { return stage->is_suspended.load(); }));
  const Pid victim =
      GetParam().whom == Whom::kPolicy ? controller.pid() : Pid(stage->watchdog.load());
  ASSERT_TRUE(strike(victim, GetParam().harm));
  if (GetParam().whom == Whom::kWatchdog) {
    EXPECT_EQ(controller.read(), static_cast<int>(Ending::kStoppedByGuard));
    EXPECT_NE(std::string(stage->stopped_for.data()).find("watchdog has ended or is stopped"),
              std::string::npos)
        << stage->stopped_for.data();
  } else {
    // Killed by the harm, or by the watchdog for it.
    EXPECT_EQ(controller.read(), std::nullopt);
  }
  EXPECT_TRUE(controller.await_end());
  EXPECT_TRUE(eventually(
      [&] { return status_of(target.pid(), target.pid().value(), "TracerPid") == "0"; }));
  expect_free(target);
  EXPECT_TRUE(target.obeys(Order::kStartRuntime));
  EXPECT_TRUE(is_ok(Controller::control_once(os_, target.pid())));
  EXPECT_TRUE(target.runs_on());
}

INSTANTIATE_TEST_SUITE_P(
    OfBoth, RealSupervisorTest,
    ::testing::Values(Case{"PolicyKilled", Whom::kPolicy, Harm::kKill},
                      Case{"PolicyStopped", Whom::kPolicy, Harm::kStop},
                      Case{"PolicyFrozen", Whom::kPolicy, Harm::kFreeze},
                      Case{"PolicyOutOfMemory", Whom::kPolicy, Harm::kOutOfMemory},
                      Case{"WatchdogKilled", Whom::kWatchdog, Harm::kKill},
                      Case{"WatchdogStopped", Whom::kWatchdog, Harm::kStop},
                      Case{"WatchdogFrozen", Whom::kWatchdog, Harm::kFreeze},
                      Case{"WatchdogOutOfMemory", Whom::kWatchdog, Harm::kOutOfMemory}),
    [](const auto& each) { return each.param.name; });

TEST_F(RealKernelTest, LineOfTroubleInTheKernelsLogGivesTheTargetBack) {
  ASSERT_TRUE(target_.obeys(Order::kStartRuntime));
  const Shared<Stage> stage;
  const ForkedProcess controller([&](int report) {
    OneQueueOs os;
    const auto ended = control(os, target_.pid(), stage);
    report_number(report, static_cast<int>(ended.value_or(Ending::kError)));
  });
  ASSERT_TRUE(eventually([&] { return stage->is_suspended.load(); }));
  ASSERT_TRUE(put("/dev/kmsg", "<6>usb 1-1: nothing that matters\n"));
  ASSERT_TRUE(put("/dev/kmsg", "<3>amdgpu 0000:1a:00.0: amdgpu: GPU reset begin!\n"));
  EXPECT_EQ(controller.read(), static_cast<int>(Ending::kStoppedByGuard));
  EXPECT_NE(std::string(stage->stopped_for.data()).find("GPU reset begin!"), std::string::npos)
      << stage->stopped_for.data();
  EXPECT_TRUE(controller.await_end());
  expect_free();
}

}  // namespace
}  // namespace gpreempt::kfd
