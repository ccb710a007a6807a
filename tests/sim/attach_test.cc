// Goal: what a mechanism limits, it limits from the first request on, although the queues are
// reported while the attach that controls them is still under way.
// Method: a scheduler on the simulator, on hardware where nothing but kernels costs time.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>

#include "backends/sim/sim_testbed.h"
#include "backends/sim/timeline.h"
#include "core/backend.h"
#include "core/drive.h"
#include "core/ids.h"
#include "core/mechanism.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kLimit = 4;

TEST(AttachTest, LaunchThrottleLimitsTheFirstRequest) {
  PlainTimeline timeline;
  const std::unique_ptr<Testbed> testbed = open_sim_testbed(timeline, free_system());
  Backend& backend = testbed->backend();
  // One request of a thousand kernels; Online works from 10.5 ms to the end.
  const auto kernels = [](std::uint32_t count, Duration length) {
    return KernelTrain{{.count = count, .duration = length, .shape = small_workgroups(1)}};
  };
  const Pid offline = testbed
                          ->launch({.name = "offline",
                                    .offline = true,
                                    .trains = {kernels(1000, milliseconds(1))},
                                    .arrivals = {{.at = {}}}})
                          .value();
  const Pid online =
      testbed
          ->launch({.name = "online",
                    .hints = true,
                    .trains = {kernels(1, milliseconds(100))},
                    .arrivals = {{.at = milliseconds(10) + std::chrono::microseconds(500)}}})
          .value();
  Scheduler scheduler(make_policy("suspend").value(),
                      {.mechanism = make_mechanism("launch-throttle:k=4,b=2").value()});
  const TargetId controlled = backend.attach(offline, AttachMode::kControl).value();
  const TargetId watched = backend.attach(online, AttachMode::kObserve).value();
  ASSERT_TRUE(scheduler.add_tenant(
      {.name = "offline", .cls = TenantClass::kOffline, .priority = 2, .targets = {controlled}}));
  ASSERT_TRUE(scheduler.add_tenant(
      {.name = "online", .cls = TenantClass::kOnline, .priority = 15, .targets = {watched}}));
  EventSink nowhere;
  ASSERT_TRUE(drive(backend, scheduler, nowhere, backend.now() + milliseconds(10)));
  const Instant begin = testbed->start();
  ASSERT_TRUE(drive(backend, scheduler, nowhere, begin + milliseconds(11)));
  const std::uint64_t before = testbed->progress(offline).kernels;
  EXPECT_GE(before, 10U);
  ASSERT_TRUE(drive(backend, scheduler, nowhere, begin + milliseconds(90)));
  EXPECT_LE(testbed->progress(offline).kernels, before + kLimit);
  EXPECT_TRUE(backend.close());
}

}  // namespace
}  // namespace gpreempt::sim
