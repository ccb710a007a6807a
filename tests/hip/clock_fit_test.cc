// Goal: the GPU's clock in terms of the host's, from readings that take time and are disturbed.
// Method: synthetic clocks whose rate and origin are chosen.
#include "workloads/hip/clock_fit.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/random.h"
#include "core/time.h"

namespace gpreempt::hip {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kOrigin = 0x123456789abcULL;

/// A GPU clock with 10 ns a tick but for `drift` (parts of one), read at `true_time`.
std::uint64_t ticks_at(Duration true_time, double drift) {
  return kOrigin + static_cast<std::uint64_t>(
                       std::llround(static_cast<double>(to_ns(true_time)) * (1 + drift) / 10));
}

/// Readings every 10 ms; the GPU's instant lies anywhere in brackets of 2 to 6 us, one in ten of
/// which is stretched by a preemption of 3 ms.
std::vector<ClockSample> readings(double drift, std::size_t count) {
  RandomStream random(7, "clock");
  std::vector<ClockSample> samples;
  for (std::size_t i = 0; i < count; ++i) {
    const Duration before = milliseconds(10) * static_cast<std::int64_t>(i);
    const Duration late = random.below(10) == 0 ? milliseconds(3) : Duration{};
    const Duration width =
        microseconds(2) + Duration(static_cast<std::int64_t>(random.below(4000))) + late;
    const Duration within(
        static_cast<std::int64_t>(random.uniform() * static_cast<double>(to_ns(width))));
    samples.push_back({.before = Instant(before),
                       .ticks = ticks_at(before + within, drift),
                       .after = Instant(before + width)});
  }
  return samples;
}

TEST(ClockFit, FindsTheRateOfAClockThatDrifts) {
  for (const double drift : {0.0, 50e-6, -200e-6}) {
    const auto fit = fit_clock(readings(drift, 500));
    ASSERT_TRUE(fit.has_value());
    EXPECT_NEAR(fit->ns_per_tick, 10 / (1 + drift), 10 * 1e-6) << drift;  // 5 us in 5 s
    EXPECT_LE(fit->uncertainty, microseconds(2));
    for (const Duration time : {Duration{}, Duration(seconds(2)), Duration(seconds(60))}) {
      const Instant told = fit->at(ticks_at(time, drift));
      const Duration allowed = microseconds(3) + time / 1'000'000;
      EXPECT_LE(std::abs(to_ns(told - Instant(time))), to_ns(allowed)) << drift;
    }
  }
}

TEST(ClockFit, IsExactForExactReadings) {
  const std::vector<ClockSample> samples = {
      {.before = instant_from_ns(1000), .ticks = 100, .after = instant_from_ns(1000)},
      {.before = instant_from_ns(5000), .ticks = 300, .after = instant_from_ns(5000)}};
  const auto fit = fit_clock(samples);
  ASSERT_TRUE(fit.has_value());
  EXPECT_DOUBLE_EQ(fit->ns_per_tick, 20);
  EXPECT_EQ(fit->at(200), instant_from_ns(3000));
  EXPECT_EQ(fit->at(50), instant_from_ns(0));
  EXPECT_EQ(fit->span(7), Duration(140));
  EXPECT_EQ(fit->residual, Duration{});
}

TEST(ClockFit, TellsOfAClockThatJumped) {
  std::vector<ClockSample> samples = readings(0, 200);
  for (std::size_t i = 100; i < samples.size(); ++i) {
    samples.at(i).ticks += 100'000;  // 1 ms
  }
  const auto fit = fit_clock(samples);
  ASSERT_TRUE(fit.has_value());
  EXPECT_GE(fit->residual, microseconds(100));
  EXPECT_LE(fit_clock(readings(0, 200))->residual, microseconds(3));
}

TEST(ClockFit, RefusesReadingsThatTellNoRate) {
  const ClockSample one{.before = instant_from_ns(0), .ticks = 5, .after = instant_from_ns(9)};
  EXPECT_FALSE(fit_clock({}).has_value());
  EXPECT_FALSE(fit_clock(std::vector{one, one}).has_value());
  ClockSample back = one;
  back.ticks = 1;
  back.before = instant_from_ns(100);
  back.after = instant_from_ns(110);
  EXPECT_FALSE(fit_clock(std::vector{one, back}).has_value());  // the GPU's clock runs backwards
  back.after = instant_from_ns(90);
  EXPECT_FALSE(fit_clock(std::vector{one, back}).has_value());
}

}  // namespace
}  // namespace gpreempt::hip
