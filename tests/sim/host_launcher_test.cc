// Goal: what is still to run on a queue when its host stops launching is what the host had
// launched. Expected: with at most k kernels in flight, launched in batches of b, between (k - b)
// and k kernels are left (XSched, level 1); a guard leaves the running one; a stopped host its
// run-ahead.
#include "backends/sim/host_launcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "backends/sim/gpu/gpu.h"
#include "backends/sim/gpu/train_plan.h"
#include "backends/sim/gpu/wave_dispatcher.h"
#include "backends/sim/timeline.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class HostLauncherTest : public testing::Test, public WaveDispatcher::Listener {
 protected:
  void first_wave(QueueIndex /*queue*/, std::uint64_t /*tag*/) override {}
  void job_done(QueueIndex /*queue*/, std::uint64_t /*tag*/) override { ++jobs; }
  void kernel_done(QueueIndex index) override { host->kernel_done(index); }

  void start(std::uint32_t run_ahead = 0, std::uint32_t kernels = 100) {
    gpu = std::make_unique<Gpu>(timeline, parameters, *this, WaveDispatcher::Options{});
    host = std::make_unique<HostLauncher>(timeline, *gpu);
    queue = gpu->add_queue({});
    gpu->waves().enable(queue);
    host->submit(queue,
                 {.plan = std::make_shared<const TrainPlan>(
                      parameters, KernelTrain{{.count = kernels,
                                               .duration = microseconds(100),
                                               .shape = small_workgroups(kFull)}}),
                  .tag = 0,
                  .endless = true},
                 run_ahead);
  }
  void run(Duration until) { timeline.run_until(Instant{} + until); }
  [[nodiscard]] std::uint64_t kernels() { return gpu->waves().progress(queue).kernels; }
  [[nodiscard]] Duration work() { return gpu->waves().progress(queue).work; }

  GpuParameters parameters = free_gpu();
  PlainTimeline timeline;
  std::unique_ptr<Gpu> gpu;
  std::unique_ptr<HostLauncher> host;
  QueueIndex queue = 0;
  int jobs = 0;
};

TEST_F(HostLauncherTest, StoppedLauncherLeavesBetweenKLessBAndKKernels) {
  start();
  host->throttle(queue, 8, 4);
  Duration least = Duration::max();
  Duration most{};
  Duration now{};
  for (int i = 0; i < 400; ++i) {
    now += microseconds(1000 + 2 * i);  // meets every phase of two batches
    run(now);
    const Duration before = work();
    host->throttle(queue, 0, 1);
    now += milliseconds(2);
    run(now);
    const Duration left = work() - before;
    least = std::min(least, left);
    most = std::max(most, left);
    host->throttle(queue, 8, 4);
  }
  EXPECT_GE(least, microseconds(400));
  EXPECT_LT(least, microseconds(410));
  EXPECT_LE(most, microseconds(800));
  EXPECT_GT(most, microseconds(790));
}

TEST_F(HostLauncherTest, OneKernelInFlightPaysARoundTripForEach) {
  parameters.t_sync = microseconds(8);
  start();
  run(microseconds(50));
  host->throttle(queue, 1, 1);
  for (std::int64_t i = 1; i <= 1000; ++i) {
    run(microseconds(108 * i - 8));
    EXPECT_EQ(kernels(), static_cast<std::uint64_t>(i));
    EXPECT_EQ(work(), microseconds(100 * i));
  }
}

TEST_F(HostLauncherTest, ThrottleThatKeepsEnoughInFlightCostsNothing) {
  parameters.t_sync = microseconds(8);
  start();
  host->throttle(queue, 8, 4);
  run(milliseconds(1000));
  EXPECT_EQ(work(), milliseconds(1000));
}

TEST_F(HostLauncherTest, GuardLeavesTheRunningKernelOnly) {
  start();
  run(microseconds(1250));
  host->hold(queue, true);
  run(milliseconds(10));
  EXPECT_EQ(kernels(), 13U);
  EXPECT_EQ(work(), microseconds(1300));
  host->hold(queue, false);
  run(milliseconds(11));
  EXPECT_EQ(work(), microseconds(2300));
}

TEST_F(HostLauncherTest, StoppedHostLeavesItsRunAheadToTheGpu) {
  start(20);
  run(microseconds(1250));  // the 13th kernel runs
  host->stop_host(true);
  run(milliseconds(100));
  EXPECT_EQ(kernels(), 33U);
  host->stop_host(false);
  run(milliseconds(101));
  EXPECT_EQ(kernels(), 43U);
}

TEST_F(HostLauncherTest, HostWithoutARunAheadLeavesATrain) {
  start(0, 50);
  run(microseconds(150));
  host->stop_host(true);
  run(milliseconds(100));
  EXPECT_EQ(kernels(), 52U);
}

TEST_F(HostLauncherTest, JobsOfAStoppedHostComeWhenItGoesOn) {
  start();
  run(microseconds(50));
  const QueueIndex other = gpu->add_queue({});
  gpu->waves().enable(other);
  host->stop_host(true);
  host->submit(
      other,
      {.plan = std::make_shared<const TrainPlan>(
           parameters,
           KernelTrain{{.count = 1, .duration = microseconds(10), .shape = small_workgroups(1)}}),
       .tag = 1},
      0);
  run(milliseconds(50));
  EXPECT_EQ(jobs, 0);
  host->stop_host(false);
  run(milliseconds(51));
  EXPECT_EQ(jobs, 1);
}

}  // namespace
}  // namespace gpreempt::sim
