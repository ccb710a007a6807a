// Goal: a process on a GPU has the queues that its program says and no more, whether it uses them
// or not. Method: virtual time, a GPU that counts what it is given.
#include "workloads/hip/queues.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "core/program.h"
#include "core/time.h"
#include "tests/hip/fake_world.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/runner.h"

namespace gpreempt::hip {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

TEST(HipQueues, EachStreamHasHadAKernelOfOneIteration) {
  FakeHost host;
  FakeGpu gpu(host, microseconds(4), Duration(10));
  const auto streams = make_streams(gpu, host, 3, 11);
  ASSERT_TRUE(streams.has_value()) << streams.error().what;
  EXPECT_EQ(gpu.submitted_to, *streams);
  EXPECT_EQ(gpu.priorities, (std::vector<std::uint32_t>{11, 11, 11}));
  EXPECT_THAT(gpu.iterations, testing::Each(1U));
}

TEST(HipQueues, ThatHangAreAnErrorAndNotAWaitForEver) {
  FakeHost host;
  FakeGpu gpu(host, std::chrono::hours(1), Duration(10));
  const auto streams = make_streams(gpu, host, 1, 7);
  ASSERT_FALSE(streams.has_value());
  EXPECT_EQ(streams.error().code, Errc::kTimedOut);
}

TEST(HipQueues, OfAProgramThatMakesThemItselfAreNotSharedWithItsOwnOnes) {
  Program program;
  program.queues = 16;
  EXPECT_GE(queues_wanted(program), 16U + 2);  // one for copies, one for the heartbeat
  program.runtime = Runtime::kHip;
  EXPECT_EQ(queues_wanted(program), 0U);  // as HIP does it
}

TEST(HipQueues, OnlyAProgramThatNeverHasWorkIsIdle) {
  Program program;
  EXPECT_TRUE(is_idle(program));
  program.arrivals = {{.at = Duration{}}};
  EXPECT_FALSE(is_idle(program));
  program.arrivals.clear();
  program.endless = true;
  EXPECT_FALSE(is_idle(program));
  program.endless = false;
  program.heartbeat = true;
  EXPECT_FALSE(is_idle(program));
}

TEST(HipQueues, AnIdleProcessStaysUntilItsEndOrUntilItIsAskedToStop) {
  FakeHost host;
  const Instant begin = host.now();
  EXPECT_FALSE(stay_idle(host, begin + seconds(10)).stopped);
  EXPECT_GE(host.now(), begin + seconds(10));
  EXPECT_LT(host.now(), begin + seconds(11));
  host.stop_at = begin + seconds(12);
  EXPECT_TRUE(stay_idle(host, begin + std::chrono::hours(168)).stopped);
  EXPECT_LT(host.now(), begin + seconds(13));
}

}  // namespace
}  // namespace gpreempt::hip
