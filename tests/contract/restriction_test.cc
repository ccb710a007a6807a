// Goal: the controls that restrict work without stopping it do what they say and no more.
// Method: jobs that fill the GPU; progress and first waves are compared.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

#define GPREEMPT_SKIP_WITHOUT(kind) \
  if (const std::string& why = backend().info().missing(kind); !why.empty()) GTEST_SKIP() << why

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;

/// A call returns before the queues of the GPU are back on it; by then they are.
constexpr Duration kMapped = milliseconds(5);

class RestrictionTest : public BackendTest {
 protected:
  /// An Offline job without end whose kernels fill the GPU in one round: per CU as many workgroups
  /// of 4 waves as 512 KiB of vector registers hold at 128 of them a lane.
  Program whole_gpu(Duration kernel) {
    constexpr std::uint32_t kPerCu = 4;
    return {.name = "whole",
            .offline = true,
            .endless = true,
            .trains = {{KernelRun{.count = 1,
                                  .duration = kernel,
                                  .shape = {.workgroups = kPerCu * backend().info().gpus.at(0).cus,
                                            .waves = 4,
                                            .vgprs = 128}}}},
            .arrivals = {}};
  }
  void control(const Attached& target, const Control& control) {
    EventLog served;
    const Result<ControlDone> done = control_and_wait(backend(), target, control, served);
    ASSERT_TRUE(done) << sentence(done);
    for (const QueueOutcome& each : done->outcomes) {
      EXPECT_EQ(each.outcome, Outcome::kOk);
    }
  }
  Duration work_in(Pid pid, Duration time) {
    const Duration before = progress(pid).work;
    wait(time);
    return progress(pid).work - before;
  }
};
GPREEMPT_IN_EVERY_WORLD(RestrictionTest);

TEST_P(RestrictionTest, LowPriorityAloneEvictsNoResidentWave) {
  GPREEMPT_SKIP_WITHOUT(ControlKind::kPriority);
  const Pid offline = launch(whole_gpu(milliseconds(100)));
  start_and_wait_for_work(offline);
  const Attached target = attach(offline);
  control(target, Priority{.level = 0, .lease = kLongLease});
  const Pid online = launch(online_service(1, milliseconds(100)));
  wait(kMapped);
  testbed().start();
  const std::uint64_t kernels = progress(offline).kernels;
  const Result<void> begun = wait_until(testbed(), [&] {
    return !testbed().requests(online).empty() &&
           testbed().requests(online).front().first_wave != kForever;
  });
  ASSERT_TRUE(begun) << sentence(begun);
  // Its first wave had to wait until the kernel that filled the GPU was done.
  EXPECT_EQ(progress(offline).kernels, kernels + 1);
}

TEST_P(RestrictionTest, LowPriorityLetsOthersPlaceTheirWorkgroupsFirst) {
  GPREEMPT_SKIP_WITHOUT(ControlKind::kPriority);
  const Pid offline = launch(whole_gpu(milliseconds(20)));
  start_and_wait_for_work(offline);
  const Attached target = attach(offline);
  control(target, Priority{.level = 0, .lease = kLongLease});
  const Program other = whole_gpu(milliseconds(20));
  launch(other);
  testbed().start();
  wait(milliseconds(100));
  // Both want the whole GPU; from the first kernel's end on, the rival always comes first.
  EXPECT_LT(work_in(offline, milliseconds(500)), milliseconds(50));
  control(target, Priority{.level = {}, .lease = {}});
  wait(milliseconds(100));
  EXPECT_GT(work_in(offline, milliseconds(500)), milliseconds(150));
}

TEST_P(RestrictionTest, CuMaskLeavesTheJobItsShareOfTheGpu) {
  GPREEMPT_SKIP_WITHOUT(ControlKind::kCuMask);
  const GpuInfo gpu = backend().info().gpus.at(0);
  const Pid pid = launch(whole_gpu(milliseconds(20)));
  start_and_wait_for_work(pid);
  const Attached target = attach(pid);
  const std::uint32_t half = gpu.cus / gpu.xccs / 2 * gpu.xccs;
  CuMask mask{.words = std::vector<std::uint32_t>(gpu.cus / 32 + 1), .lease = kLongLease};
  for (std::uint32_t bit = 0; bit < half; ++bit) {
    mask.words[bit / 32] |= 1U << (bit % 32);
  }
  control(target, mask);
  wait(milliseconds(100));
  const double share = static_cast<double>(half) / gpu.cus;
  const auto work = [&] {
    return std::chrono::duration<double>(work_in(pid, milliseconds(1000))).count();
  };
  EXPECT_NEAR(work(), share, 0.05);
  control(target, CuMask{});
  wait(milliseconds(100));
  EXPECT_NEAR(work(), 1.0, 0.05);
}

TEST_P(RestrictionTest, CuMaskThatStarvesAnXccIsRefused) {
  GPREEMPT_SKIP_WITHOUT(ControlKind::kCuMask);
  const Training training = start_training();
  const auto refusal = [&](std::vector<std::uint32_t> words) {
    return code_of(backend().control(training.target.id, training.target.queues,
                                     CuMask{.words = std::move(words), .lease = {}}));
  };
  EXPECT_EQ(refusal({0}), Errc::kInvalidArgument);
  if (backend().info().gpus.at(0).xccs > 1) {
    EXPECT_EQ(refusal({1}), Errc::kInvalidArgument);
  }
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(RestrictionTest, ValuesOutOfRangeAreRefused) {
  const Training training = start_training();
  const std::vector<Control> senseless{Percentage{.percent = 101, .lease = {}},
                                       Priority{.level = 16, .lease = {}},
                                       Throttle{.in_flight = 1, .batch = 2, .lease = {}},
                                       Throttle{.in_flight = 1, .batch = 0, .lease = {}}};
  for (const Control& control : senseless) {
    if (backend().info().missing(kind_of(control)).empty()) {
      EXPECT_EQ(code_of(backend().control(training.target.id, training.target.queues, control)),
                Errc::kInvalidArgument)
          << to_string(kind_of(control));
    }
  }
}

TEST_P(RestrictionTest, RestrictionWithoutALeaseStandsUntilItIsReplaced) {
  GPREEMPT_SKIP_WITHOUT(ControlKind::kPriority);
  const Training training = start_training();
  control(training.target, Priority{.level = 0, .lease = {}});
  serve_for(std::chrono::seconds(5));
  EXPECT_EQ(count_of<LeaseExpired>(log()), 0U);
}

TEST_P(RestrictionTest, KernelBoundaryLetsTheKernelThatRunsEnd) {
  GPREEMPT_SKIP_WITHOUT(ControlKind::kKernelBoundary);
  const Pid pid = launch(whole_gpu(milliseconds(20)));
  start_and_wait_for_work(pid);
  const Attached target = attach(pid);
  control(target, KernelBoundary{.lease = kLongLease});
  const std::uint64_t before = progress(pid).kernels;
  wait(milliseconds(200));
  EXPECT_EQ(progress(pid).kernels, before + 1);
}

TEST_P(RestrictionTest, ThrottledHostKeepsAtMostItsLimitInFlight) {
  GPREEMPT_SKIP_WITHOUT(ControlKind::kThrottle);
  const Pid pid = launch(whole_gpu(milliseconds(5)));
  const Attached target = attach(pid);
  control(target, Throttle{.in_flight = 8, .batch = 4, .lease = {}});
  start_and_wait_for_work(pid);
  for (int i = 0; i < 10; ++i) {
    wait(milliseconds(100 + 3 * i));
    const std::uint64_t before = progress(pid).kernels;
    control(target, Throttle{.in_flight = 0, .batch = 4, .lease = kLongLease});
    wait(milliseconds(200));
    // XSched's level 1: between k - b and k kernels still run.
    const std::uint64_t after = progress(pid).kernels - before;
    EXPECT_GE(after, 4U);
    EXPECT_LE(after, 9U);  // the limit, and one that ended while the control was on its way
    control(target, Throttle{.in_flight = 8, .batch = 4, .lease = {}});
    EXPECT_TRUE(makes_progress(pid));
  }
}

TEST_P(RestrictionTest, ExpiredThrottleGoesBackToTheLimitBefore) {
  GPREEMPT_SKIP_WITHOUT(ControlKind::kThrottle);
  const Pid pid = launch(whole_gpu(milliseconds(5)));
  const Attached target = attach(pid);
  control(target, Throttle{.in_flight = 2, .batch = 1, .lease = {}});
  start_and_wait_for_work(pid);
  control(target, Throttle{.in_flight = 0, .batch = 1, .lease = milliseconds(100)});
  await<LeaseExpired>();
  EXPECT_TRUE(makes_progress(pid));
  const std::uint64_t before = progress(pid).kernels;
  control(target, Throttle{.in_flight = 0, .batch = 1, .lease = kLongLease});
  wait(milliseconds(200));
  EXPECT_LE(progress(pid).kernels - before, 3U);
}

TEST_P(RestrictionTest, SelectiveUnmapLeavesBystandersAlone) {
  GPREEMPT_SKIP_WITHOUT(ControlKind::kSelectiveUnmap);
  const Pid bystander = launch(offline_training());
  const Training training = start_training();
  wait(kMapped);
  const Duration before = progress(bystander).bystander;
  control(training.target, SelectiveUnmap{.lease = kLongLease});
  control(training.target, Resume{});
  wait(kMapped);
  EXPECT_EQ(progress(bystander).bystander, before);
  suspend(training.target);
  wait(kMapped);
  EXPECT_GT(progress(bystander).bystander, before);
}

}  // namespace
}  // namespace gpreempt::contract
