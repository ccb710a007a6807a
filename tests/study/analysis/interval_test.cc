#include "study/analysis/interval.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "tests/study/analysis/tables.h"

namespace gpreempt::study {
namespace {

// Extra sleep under two drugs, ten patients (Student 1908; R's data set `sleep`).
constexpr std::array kFirst = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
constexpr std::array kSecond = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};

TEST(MeanInterval, MatchesThePairedTestOfStudentsSleepData) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < kFirst.size(); ++i) {
    differences.push_back(kSecond.at(i) - kFirst.at(i));
  }
  const Interval interval = mean_interval(differences, 0.95);
  // R: t.test(extra ~ group, data = sleep, paired = TRUE) prints these limits.
  EXPECT_NEAR(interval.mean, 1.58, 1e-12);
  EXPECT_NEAR(interval.lo, 0.7001142, 5e-8);
  EXPECT_NEAR(interval.hi, 2.4598858, 5e-8);
  EXPECT_EQ(interval.n, 10U);
}

TEST(WelchInterval, MatchesTheWelchTestOfStudentsSleepData) {
  const Interval first = mean_interval(kFirst, 0.95);
  const Interval second = mean_interval(kSecond, 0.95);
  const std::array parts = {
      WeightedMean{.weight = 1, .mean = first.mean, .deviation = first.deviation, .n = 10},
      WeightedMean{.weight = -1, .mean = second.mean, .deviation = second.deviation, .n = 10}};
  const Interval interval = welch_interval(parts, 0.95);
  // R: t.test(extra ~ group, data = sleep): df = 17.776 and these limits.
  EXPECT_NEAR(interval.lo, -3.3654832, 5e-8);
  EXPECT_NEAR(interval.hi, 0.2054832, 5e-8);
}

TEST(MeanInterval, UsesTheTabulatedQuantilesOfStudentsT) {
  // Samples 0 and 2: mean 1, deviation sqrt(2), standard error 1: the half width is t itself.
  // Tables: t(0.975; 1) = 12.706, t(0.95; 1) = 6.314, t(0.995; 1) = 63.657.
  const std::array samples = {0.0, 2.0};
  EXPECT_NEAR(mean_interval(samples, 0.95).hi - 1, 12.706, 5e-4);
  EXPECT_NEAR(mean_interval(samples, 0.90).hi - 1, 6.314, 5e-4);
  EXPECT_NEAR(mean_interval(samples, 0.99).hi - 1, 63.657, 5e-4);
}

TEST(MeanInterval, DoesNotCountMissingSamples) {
  const Interval with = mean_interval(std::array{1.0, kNan, 3.0, kNan}, 0.95);
  const Interval without = mean_interval(std::array{1.0, 3.0}, 0.95);
  EXPECT_EQ(with.n, 2U);
  EXPECT_EQ(with.mean, without.mean);
  EXPECT_EQ(with.lo, without.lo);
}

TEST(MeanInterval, OfOneSampleHasAMeanAndNoBounds) {
  const Interval interval = mean_interval(std::array{7.0}, 0.95);
  EXPECT_EQ(interval.mean, 7);
  EXPECT_TRUE(interval.has_mean());
  EXPECT_FALSE(interval.is_bounded());
  EXPECT_FALSE(interval.is_above(0));
  EXPECT_FALSE(interval.is_below(1e9));
}

TEST(MeanInterval, OfNothingHasNoMean) {
  const Interval interval = mean_interval(std::array{kNan}, 0.95);
  EXPECT_FALSE(interval.has_mean());
  EXPECT_TRUE(std::isnan(interval.mean));
}

TEST(MeanInterval, OfEqualSamplesIsExactlyTheirValue) {
  // 0.1 has no exact double: a rounded mean would leave a deviation of 1e-17.
  const Interval interval = mean_interval(std::array{0.1, 0.1, 0.1}, 0.95);
  EXPECT_EQ(interval.lo, 0.1);
  EXPECT_EQ(interval.hi, 0.1);
}

TEST(WelchInterval, OfAPartWithOneSampleIsNotBounded) {
  const std::array parts = {WeightedMean{.weight = 1, .mean = 5, .deviation = 1, .n = 4},
                            WeightedMean{.weight = -1, .mean = 2, .deviation = kNan, .n = 1}};
  const Interval interval = welch_interval(parts, 0.95);
  EXPECT_EQ(interval.mean, 3);
  EXPECT_FALSE(interval.is_bounded());
}

TEST(PairsToResolve, MatchesPublishedSampleSizesOfThePairedTTest) {
  // Cohen's d of 0.2, 0.5, 0.8, two-sided 5 %, power 80 %: 199, 34 and 15 pairs (G*Power's manual).
  const auto pairs = [](double d) {
    return pairs_to_resolve({.mean = d, .lo = d - 1, .hi = d + 1, .deviation = 1, .n = 5}, 0.95);
  };
  EXPECT_EQ(pairs(0.2), 199U);
  EXPECT_EQ(pairs(0.5), 34U);
  EXPECT_EQ(pairs(-0.8), 15U);
}

TEST(PairsToResolve, IsUnknownWhereNoNumberWouldDo) {
  EXPECT_EQ(pairs_to_resolve({.mean = 0, .lo = 0, .hi = 0, .deviation = 0, .n = 3}, 0.95),
            std::nullopt);
  EXPECT_EQ(pairs_to_resolve({.mean = 1e-9, .lo = -1, .hi = 1, .deviation = 1, .n = 3}, 0.95),
            std::nullopt);
  EXPECT_EQ(pairs_to_resolve(mean_interval(std::array{3.0}, 0.95), 0.95), std::nullopt);
}

}  // namespace
}  // namespace gpreempt::study
