#include "workloads/arrivals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/random.h"
#include "core/time.h"
#include "workloads/scenario.h"

namespace gpreempt {
namespace {

constexpr std::uint64_t kSeed = 20260101;
/// A deviation of so many standard errors has a chance below 1e-6.
constexpr double kStandardErrors = 5;

struct Gaps {
  double n = 0;
  double mean_s = 0;
  double cv2 = 0;
};

Gaps gaps_of(const std::vector<Duration>& times) {
  Gaps gaps{.n = static_cast<double>(times.size()), .mean_s = 0, .cv2 = 0};
  gaps.mean_s = static_cast<double>(to_ns(times.back())) / 1e9 / gaps.n;
  double squares = 0;
  Duration previous{};
  for (const Duration at : times) {
    const double gap = static_cast<double>(to_ns(at - previous)) / 1e9;
    squares += (gap - gaps.mean_s) * (gap - gaps.mean_s);
    previous = at;
  }
  gaps.cv2 = squares / gaps.n / (gaps.mean_s * gaps.mean_s);
  return gaps;
}

/// For gamma gaps of squared coefficient of variation c: the mean of n gaps has relative variance
/// c / n; the estimate of c has variance (2 c^2 + 2 c^3) / n, by the delta method with the gamma
/// distribution's third and fourth moments.
void expect_law(double rate, double cv2) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed << " cv2 " << cv2);
  RandomStream random(kSeed, "arrivals/test");
  const auto times = random_arrivals({.rate = rate, .cv2 = cv2}, std::chrono::seconds(200), random);
  ASSERT_FALSE(times.empty());
  EXPECT_TRUE(std::ranges::is_sorted(times));
  EXPECT_LT(times.back(), std::chrono::seconds(200));
  const Gaps gaps = gaps_of(times);
  EXPECT_NEAR(gaps.mean_s * rate, 1, kStandardErrors * std::sqrt(cv2 / gaps.n));
  EXPECT_NEAR(gaps.cv2, cv2,
              kStandardErrors * std::sqrt((2 * cv2 * cv2 + 2 * cv2 * cv2 * cv2) / gaps.n));
}

TEST(RandomArrivals, OfCv2OneAreAPoissonProcess) { expect_law(1000, 1); }
TEST(RandomArrivals, OfTheAzureTraceHaveItsCv2) { expect_law(1000, 1.2); }
TEST(RandomArrivals, CanBeVeryBursty) { expect_law(1000, 20); }
TEST(RandomArrivals, CanBeAlmostPeriodic) { expect_law(1000, 0.05); }

TEST(RandomArrivals, PoissonCountsVaryLikeTheirMean) {
  // Counts in 2,000 windows of 0.1 s at 100/s: variance / mean is 1 with standard error sqrt(2/n).
  RandomStream random(kSeed, "arrivals/counts");
  constexpr std::size_t kWindows = 2000;
  const auto times =
      random_arrivals({.rate = 100, .cv2 = 1}, std::chrono::milliseconds(100) * kWindows, random);
  std::vector<double> counts(kWindows);
  for (const Duration at : times) {
    counts.at(static_cast<std::size_t>(at / std::chrono::milliseconds(100))) += 1;
  }
  double sum = 0;
  double squares = 0;
  for (const double count : counts) {
    sum += count;
    squares += count * count;
  }
  const double mean = sum / kWindows;
  const double variance = squares / kWindows - mean * mean;
  EXPECT_NEAR(variance / mean, 1, kStandardErrors * std::sqrt(2.0 / kWindows));
}

TEST(RandomArrivals, AreTheSameForTheSameSeedAndPurpose) {
  const RandomArrivals spec{.rate = 50, .cv2 = 1.2};
  const auto draw = [&](std::uint64_t seed, const char* purpose) {
    RandomStream random(seed, purpose);
    return random_arrivals(spec, std::chrono::seconds(10), random);
  };
  EXPECT_EQ(draw(1, "arrivals/a"), draw(1, "arrivals/a"));
  EXPECT_NE(draw(1, "arrivals/a"), draw(2, "arrivals/a"));
  EXPECT_NE(draw(1, "arrivals/a"), draw(1, "arrivals/b"));
}

TEST(RandomArrivals, OfALongerRunStartWithThoseOfAShorterOne) {
  const RandomArrivals spec{.rate = 50, .cv2 = 1.2};
  RandomStream first(kSeed, "arrivals/a");
  RandomStream second(kSeed, "arrivals/a");
  const auto shorter = random_arrivals(spec, std::chrono::seconds(5), first);
  const auto longer = random_arrivals(spec, std::chrono::seconds(10), second);
  ASSERT_LT(shorter.size(), longer.size());
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

TEST(UniformArrivals, HaveGapsOfEveryLengthBetweenTheirBoundsAndNoOther) {
  RandomStream random(kSeed, "arrivals/test");
  const auto times =
      uniform_arrivals({.min = std::chrono::seconds(1), .max = std::chrono::seconds(10)},
                       std::chrono::hours(100), random);
  const Gaps gaps = gaps_of(times);
  // The law's own moments: mean (1 + 10) / 2, variance (10 - 1)^2 / 12; its fourth central moment
  // is (10 - 1)^4 / 80, so that the variance of n gaps has a relative standard error of sqrt(0.8 /
  // n).
  const double law_cv2 = 81.0 / 12 / (5.5 * 5.5);
  EXPECT_NEAR(gaps.mean_s / 5.5, 1, kStandardErrors * std::sqrt(law_cv2 / gaps.n));
  EXPECT_NEAR(gaps.cv2 / law_cv2, 1, 2 * kStandardErrors * std::sqrt(0.8 / gaps.n));
  Duration shortest = std::chrono::hours(1);
  Duration longest{};
  Duration previous{};
  for (const Duration at : times) {
    shortest = std::min(shortest, at - previous);
    longest = std::max(longest, at - previous);
    previous = at;
  }
  // Instants are whole nanoseconds; some 65,000 gaps come within 9 s / 1000 of both ends.
  EXPECT_GE(shortest, std::chrono::seconds(1) - Duration(1));
  EXPECT_LT(shortest, std::chrono::milliseconds(1009));
  EXPECT_LE(longest, std::chrono::seconds(10) + Duration(1));
  EXPECT_GT(longest, std::chrono::milliseconds(9991));
}

TEST(UniformArrivals, OfEqualBoundsArePeriodicAfterTheFirstGap) {
  RandomStream random(kSeed, "arrivals/test");
  EXPECT_EQ(uniform_arrivals({.min = std::chrono::seconds(2), .max = std::chrono::seconds(2)},
                             std::chrono::seconds(6), random),
            (std::vector<Duration>{std::chrono::seconds(2), std::chrono::seconds(4)}));
}

TEST(PeriodicArrivals, DoNotDrift) {
  const auto times = periodic_arrivals({.rate = 3, .phase = {}}, std::chrono::seconds(3000));
  ASSERT_EQ(times.size(), 9000U);
  EXPECT_EQ(times.at(0), Duration(0));
  EXPECT_EQ(times.at(1), Duration(333'333'333));
  EXPECT_EQ(times.at(8997), std::chrono::seconds(2999));
}

TEST(PeriodicArrivals, StartAtTheirPhaseAndEndBeforeTheDuration) {
  const auto times = periodic_arrivals({.rate = 2, .phase = std::chrono::milliseconds(100)},
                                       std::chrono::milliseconds(1100));
  EXPECT_EQ(times, (std::vector<Duration>{std::chrono::milliseconds(100),
                                          std::chrono::milliseconds(600)}));
  EXPECT_TRUE(
      periodic_arrivals({.rate = 2, .phase = std::chrono::seconds(9)}, std::chrono::seconds(1))
          .empty());
}

}  // namespace
}  // namespace gpreempt
