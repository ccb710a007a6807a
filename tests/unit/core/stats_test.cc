// Goal: quantiles and their rank bands are right.
// Method: bands against binomial sums computed here term by term; quantiles against samples whose
// order statistics are known.

#include "core/stats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace gpreempt {
namespace {

/// P(B <= k) for B ~ Binomial(n, q), summed from logarithms of the terms.
double binomial_cdf(std::uint64_t n, double q, std::int64_t k) {
  double sum = 0;
  double carry = 0;
  const double size = static_cast<double>(n);
  for (std::int64_t i = 0; i <= k; ++i) {
    const double x = static_cast<double>(i);
    const double term =
        std::exp(std::lgamma(size + 1) - std::lgamma(x + 1) - std::lgamma(size - x + 1) +
                 x * std::log(q) + (size - x) * std::log1p(-q));
    const double corrected = term - carry;  // Kahan
    const double next = sum + corrected;
    carry = (next - sum) - corrected;
    sum = next;
  }
  return sum;
}

struct BandCase {
  std::uint64_t n;
  double q;
  double confidence;
};

class RankBandTest : public testing::TestWithParam<BandCase> {};

TEST_P(RankBandTest, IsTheNarrowestWithEachTailWithinHalfTheRest) {
  const auto [n, q, confidence] = GetParam();
  const double tail = (1 - confidence) / 2;
  const RankBand band = rank_band(n, q, confidence);
  const auto lo = static_cast<std::int64_t>(band.lo);
  const auto hi = static_cast<std::int64_t>(band.hi);
  ASSERT_TRUE(band.bounded);
  EXPECT_LE(binomial_cdf(n, q, lo - 1), tail);
  EXPECT_GT(binomial_cdf(n, q, lo), tail);
  EXPECT_GE(binomial_cdf(n, q, hi - 1), 1 - tail);
  EXPECT_LT(binomial_cdf(n, q, hi - 2), 1 - tail);
}

INSTANTIATE_TEST_SUITE_P(Sizes, RankBandTest,
                         testing::Values(BandCase{10, 0.5, 0.95}, BandCase{100, 0.5, 0.95},
                                         BandCase{100, 0.95, 0.9}, BandCase{1000, 0.99, 0.95},
                                         BandCase{1000, 0.99, 0.99}, BandCase{5000, 0.999, 0.95},
                                         BandCase{777, 0.25, 0.8}));

TEST(RankBandOfPublishedCasesTest, TenSamplesGiveTheMedianRanksTwoAndNine) {
  // The textbook 97.9 % interval of the median (David and Nagaraja, Order Statistics).
  const RankBand band = rank_band(10, 0.5, 0.95);
  EXPECT_EQ(band.lo, 2U);
  EXPECT_EQ(band.hi, 9U);
  EXPECT_TRUE(band.bounded);
}

TEST(RankBandOfPublishedCasesTest, AThousandSamplesBoundTheNinetyNinthPercentile) {
  const RankBand band = rank_band(1000, 0.99, 0.95);
  EXPECT_GE(band.lo, 982U);
  EXPECT_LE(band.lo, 985U);
  EXPECT_GE(band.hi, 996U);
  EXPECT_LE(band.hi, 998U);
}

TEST(RankBandOfSmallSamplesTest, IsUnboundedWhereTheSampleCannotReachTheConfidence) {
  // 0.99^n <= 0.025 needs n >= 368.
  EXPECT_FALSE(rank_band(367, 0.99, 0.95).bounded);
  EXPECT_TRUE(rank_band(368, 0.99, 0.95).bounded);
  EXPECT_EQ(rank_band(367, 0.99, 0.95).hi, 367U);
  EXPECT_FALSE(rank_band(5, 0.5, 0.95).bounded);
  EXPECT_EQ(rank_band(1, 0.5, 0.95).lo, 1U);
  EXPECT_EQ(rank_band(1, 0.5, 0.95).hi, 1U);
}

TEST(RankBandOfSmallSamplesTest, HoldsNothingForNoSample) {
  const RankBand band = rank_band(0, 0.5, 0.95);
  EXPECT_EQ(band.lo, 0U);
  EXPECT_EQ(band.hi, 0U);
  EXPECT_FALSE(band.bounded);
}

TEST(RankBandOfSmallSamplesTest, NeverBoundsTheMaximum) {
  const RankBand band = rank_band(50, 1, 0.95);
  EXPECT_EQ(band.lo, 50U);
  EXPECT_EQ(band.hi, 50U);
  EXPECT_FALSE(band.bounded);
}

std::vector<std::int64_t> descending(std::int64_t n) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = n; i >= 1; --i) {
    values.push_back(i);
  }
  return values;
}

TEST(SampleTest, GivesTheNearestRank) {
  const Sample sample(descending(100));
  for (int percent = 1; percent <= 100; ++percent) {
    EXPECT_EQ(sample.quantile(percent / 100.0)->value, percent);
  }
  EXPECT_EQ(sample.quantile(0.001)->value, 1);
  EXPECT_EQ(sample.quantile(0.991)->value, 100);
}

TEST(SampleTest, EnclosesTheQuantileInItsBand) {
  const Sample sample(descending(1000));
  const Quantile quantile = sample.quantile(0.99).value();
  const RankBand band = rank_band(1000, 0.99, 0.95);
  EXPECT_EQ(quantile.value, 990);
  EXPECT_EQ(quantile.lo, static_cast<std::int64_t>(band.lo));
  EXPECT_EQ(quantile.hi, static_cast<std::int64_t>(band.hi));
  EXPECT_TRUE(quantile.bounded);
}

TEST(SampleTest, SummarisesExactly) {
  const Sample sample({5, -3, 10, 4});
  const Summary summary = sample.summary().value();
  EXPECT_EQ(summary.count, 4U);
  EXPECT_EQ(summary.min, -3);
  EXPECT_EQ(summary.max, 10);
  EXPECT_DOUBLE_EQ(summary.mean, 4);
  EXPECT_DOUBLE_EQ(summary.sd, std::sqrt((1 + 49 + 36 + 0) / 3.0));
}

TEST(SampleTest, OneValueDoesNotDeviate) { EXPECT_EQ(Sample({7}).summary().value().sd, 0); }

TEST(SampleTest, SaysNothingAboutNoValues) {
  const Sample sample({});
  EXPECT_TRUE(sample.empty());
  EXPECT_FALSE(sample.quantile(0.5).has_value());
  EXPECT_FALSE(sample.summary().has_value());
}

}  // namespace
}  // namespace gpreempt
