// Goal: iterations for a duration, from measurements that are disturbed now and then.
#include "workloads/hip/calibration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "core/error.h"
#include "core/random.h"
#include "core/time.h"
#include "workloads/hip/gpu.h"

namespace gpreempt::hip {
namespace {

using std::chrono::microseconds;

TEST(Calibration, FindsTheLineOfAnUndisturbedGpu) {
  const auto cost =
      calibrate({}, [](const Kernel& kernel, std::uint32_t /*count*/) -> Result<Duration> {
        return microseconds(5) + Duration(static_cast<std::int64_t>(kernel.iterations) * 40);
      });
  ASSERT_TRUE(cost.has_value());
  EXPECT_EQ(cost->fixed, microseconds(5));
  EXPECT_NEAR(cost->ns_per_iteration, 40, 1e-6);
  EXPECT_NEAR(cost->off_line, 0, 1e-6);
  // (100 us - 5 us) / 40 ns
  EXPECT_EQ(cost->iterations_for(microseconds(100)), 2375U);
  EXPECT_EQ(cost->time_of(2375), microseconds(100));
}

TEST(Calibration, CannotMakeAKernelShorterThanItsFixedPart) {
  const KernelCost cost{.fixed = microseconds(5), .ns_per_iteration = 40};
  EXPECT_EQ(cost.iterations_for(microseconds(3)), 1U);
}

TEST(Calibration, BelievesTheFastestOfThree) {
  RandomStream random(3, "calibration");
  // Two of three measurements are stretched by up to a half, by somebody else's work.
  int number = 0;
  const auto cost = calibrate({}, [&](const Kernel& kernel, std::uint32_t) -> Result<Duration> {
    const double clean = 5000 + 40 * static_cast<double>(kernel.iterations);
    const double stretch = ++number % 3 == 0 ? 1 : 1 + random.uniform() / 2;
    return Duration(std::llround(clean * stretch));
  });
  ASSERT_TRUE(cost.has_value());
  EXPECT_NEAR(cost->ns_per_iteration, 40, 0.1);
}

TEST(Calibration, TellsHowFarOffTheLineItIs) {
  // Its clock drops: what takes longer than 200 us takes twice as long from there.
  const auto cost = calibrate({}, [](const Kernel& kernel, std::uint32_t) -> Result<Duration> {
    const Duration plain(static_cast<std::int64_t>(kernel.iterations) * 40);
    return plain > microseconds(200) ? 2 * plain - microseconds(200) : plain;
  });
  ASSERT_TRUE(cost.has_value());
  EXPECT_GT(std::abs(cost->off_line), 0.05);
}

TEST(Calibration, RefusesAKernelWhoseLoopDoesNotRun) {
  const auto cost = calibrate(
      {}, [](const Kernel&, std::uint32_t) -> Result<Duration> { return microseconds(5); });
  ASSERT_FALSE(cost.has_value());
  EXPECT_EQ(cost.error().code, Errc::kHardwareFailure);
}

TEST(Calibration, AnHourIsMadeOfWhatATenthOfASecondTookAndIsNotTried) {
  Duration longest{};
  const KernelCost cost{.fixed = microseconds(5), .ns_per_iteration = 40};
  // Under steady work the GPU's clock is lower: an iteration takes 50 ns and not 40.
  const auto made = extrapolate(
      {}, std::chrono::hours(1), cost,
      [&](const Kernel& kernel, std::uint32_t count) -> Result<Duration> {
        const Duration time =
            microseconds(5) + Duration(static_cast<std::int64_t>(kernel.iterations) * 50);
        longest = std::max(longest, static_cast<std::int64_t>(count) * time);
        return time;
      });
  ASSERT_TRUE(made.has_value());
  EXPECT_FALSE(made->was_tried);
  // (3600 s - 5 us) / 50 ns
  EXPECT_NEAR(static_cast<double>(made->iterations), 3600e9 / 50 - 100, 1e3);
  EXPECT_NEAR(static_cast<double>(to_ns(made->made)), 3600e9, 1e3);
  EXPECT_LT(longest, std::chrono::milliseconds(130));
}

}  // namespace
}  // namespace gpreempt::hip
