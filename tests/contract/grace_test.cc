// Goal: the grace period is the time waves may drain before they are saved, and no more.
// Method: kernels shorter and longer than it; what the driver saved and how long it unmapped.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class GraceTest : public BackendTest {
 protected:
  Training start_kernels_of(Duration length) {
    Program program = offline_training();
    program.trains.front().front().duration = length;
    const Pid pid = launch(program);
    start_and_wait_for_work(pid);
    return Training{.pid = pid, .target = attach(pid)};
  }
  /// Suspends with that grace, resumes, and returns what the suspension was like.
  DriverCall suspend_with(const Training& training, std::optional<Duration> grace) {
    EventLog served;
    const Result<ControlDone> done = control_and_wait(
        backend(), training.target, Suspend{.grace = grace, .lease = kLongLease}, served);
    EXPECT_TRUE(done) << sentence(done);
    const DriverCall call = testbed().driver_calls().back();
    EXPECT_EQ(call.kind, ControlKind::kSuspend);
    resume(training.target);
    wait(milliseconds(20));
    return call;
  }
  static Duration unmap_of(const DriverCall& call) {
    return call.phases.at(static_cast<std::size_t>(DriverPhase::kUnmap));
  }
};
GPREEMPT_IN_EVERY_WORLD(GraceTest);

TEST_P(GraceTest, WavesThatOutlastTheGraceAreSaved) {
  const Training training = start_kernels_of(milliseconds(2));
  EXPECT_GT(suspend_with(training, Duration::zero()).saved_bytes, 0U);
  EXPECT_GT(suspend_with(training, microseconds(100)).saved_bytes, 0U);
  EXPECT_GT(suspend_with(training, std::nullopt).saved_bytes, 0U);
}

TEST_P(GraceTest, WavesThatDrainWithinTheGraceNeedNoSaving) {
  const Training training = start_kernels_of(microseconds(20));
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(suspend_with(training, microseconds(100)).saved_bytes, 0U);
    wait(microseconds(137));
  }
}

TEST_P(GraceTest, WavesThatOutlastItMakeEverybodyWaitForAllOfIt) {
  const Training training = start_kernels_of(milliseconds(2));
  (void)suspend_with(training, Duration::zero());  // the first one also moves save areas
  const Duration longest = microseconds(100);
  Duration least_with = Duration::max();
  Duration most_without{};
  for (int i = 0; i < 8; ++i) {
    most_without = std::max(most_without, unmap_of(suspend_with(training, Duration::zero())));
    least_with = std::min(least_with, unmap_of(suspend_with(training, longest)));
    wait(microseconds(137));
  }
  EXPECT_GE(least_with, longest);
  // Without a grace one unit of 1000 clocks is left, 1 us at most at 1 GHz.
  EXPECT_GE(least_with, most_without + longest - microseconds(1));
}

TEST_P(GraceTest, GraceThatTheHardwareCannotHoldIsRefusedAndNothingIsSuspended) {
  const Training training = start_kernels_of(milliseconds(2));
  // 255 units of 1000 clocks are at most 255 us at 1 GHz; longer ones would wrap to "for ever".
  const Suspend endless{.grace = seconds(1), .lease = kLongLease};
  EXPECT_EQ(code_of(backend().control(training.target.id, training.target.queues, endless)),
            Errc::kInvalidArgument);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(GraceTest, NoGraceLosesWork) {
  for (const Duration grace : {Duration(0), Duration(microseconds(100))}) {
    const Program batches = offline_batches(4);
    const Pid pid = launch(batches);
    const Training training{.pid = pid, .target = attach(pid)};
    testbed().start();
    for (int i = 0; i < 6; ++i) {
      wait(microseconds(1700));
      (void)suspend_with(training, grace);
    }
    wait_for_end_of(pid, batches);
    EXPECT_EQ(progress(pid).kernels, total_of(batches).kernels);
    EXPECT_EQ(progress(pid).work, total_of(batches).work);
  }
}

}  // namespace
}  // namespace gpreempt::contract
