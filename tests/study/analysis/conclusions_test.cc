#include "study/analysis/conclusions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "study/analysis/samples.h"
#include "study/table.h"
#include "tests/study/analysis/tables.h"

namespace gpreempt::study {
namespace {

TEST(Comparison, OfPairedSeedsCancelsWhatASeedDoesToBoth) {
  Table table = grid({factor("policy", {"none", "suspend"})}, {"p99"});
  add_runs(table, 0, {10, 50, 90});
  add_runs(table, 1, {8, 47, 88});
  // Differences -2, -3, -2: mean -7/3, deviation sqrt(1/3), t(0.975; 2) = 4.3027,
  // half width 4.3027 x 0.57735 / sqrt(3) = 1.43423.
  const std::vector<Comparison> all = compare(Samples(table, true, 0.95));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_NEAR(all[0].difference.mean, -7.0 / 3, 1e-12);
  EXPECT_NEAR(all[0].difference.hi, -7.0 / 3 + 1.43423, 1e-4);
  EXPECT_EQ(all[0].verdict, Verdict::kLower);
  EXPECT_EQ(all[0].pairs_needed, std::nullopt);
}

TEST(Comparison, OfUnpairedSeedsKeepsTheSpreadBetweenSeeds) {
  Table table = grid({factor("policy", {"none", "suspend"})}, {"p99"});
  add_runs(table, 0, {10, 50, 90});
  add_runs(table, 1, {8, 47, 88});
  const std::vector<Comparison> all = compare(Samples(table, false, 0.95));
  EXPECT_NEAR(all.at(0).difference.mean, -7.0 / 3, 1e-12);
  EXPECT_EQ(all.at(0).verdict, Verdict::kNotResolvable);
}

TEST(Comparison, IsNotResolvableWhenItsIntervalIncludesZeroAndSaysHowManyPairsWouldDo) {
  Table table = grid({factor("policy", {"none", "suspend"})}, {"p99"});
  // Differences 2, -1, 0.5, 0.5: mean 0.5, deviation sqrt(4.5 / 3) = 1.2247, d = 0.408.
  add_runs(table, 0, {0, 0, 0, 0});
  add_runs(table, 1, {2, -1, 0.5, 0.5});
  const Comparison one = compare(Samples(table, true, 0.95)).at(0);
  EXPECT_EQ(one.verdict, Verdict::kNotResolvable);
  // (t(0.975; n-1) + t(0.8; n-1))^2 <= n d^2: at 49, (2.0106 + 0.8486)^2 = 8.175 <= 49/6 = 8.167
  // does not hold; at 50, (2.0096 + 0.8485)^2 = 8.168 <= 8.333 does.
  EXPECT_EQ(one.pairs_needed, 50U);
}

TEST(Comparison, OfOneSeedIsNotResolvable) {
  Table table = grid({factor("policy", {"none", "suspend"})}, {"p99"});
  add_runs(table, 0, {10});
  add_runs(table, 1, {1});
  const Comparison one = compare(Samples(table, true, 0.95)).at(0);
  EXPECT_EQ(one.difference.mean, -9);
  EXPECT_EQ(one.verdict, Verdict::kNotResolvable);
  EXPECT_EQ(one.pairs_needed, std::nullopt);
}

TEST(Comparison, OfEqualRunsIsNotResolvable) {
  Table table = grid({factor("policy", {"none", "suspend"})}, {"loss"});
  add_runs(table, 0, {0.1, 0.3, 0.7});
  add_runs(table, 1, {0.1, 0.3, 0.7});
  const Comparison one = compare(Samples(table, true, 0.95)).at(0);
  EXPECT_EQ(one.difference.lo, 0);
  EXPECT_EQ(one.difference.hi, 0);
  EXPECT_EQ(one.verdict, Verdict::kNotResolvable);
}

TEST(Comparison, LeavesOutSeedsWithoutASampleOnEitherSide) {
  Table table = grid({factor("policy", {"none", "suspend"})}, {"p99"});
  add_runs(table, 0, {10, kNan, 12, 11});
  add_runs(table, 1, {9, 3, kNan, 9});
  // Seeds 1 and 4 remain: -1 and -2.
  const Comparison one = compare(Samples(table, true, 0.95)).at(0);
  EXPECT_EQ(one.difference.n, 2U);
  EXPECT_NEAR(one.difference.mean, -1.5, 1e-12);
}

TEST(Comparison, OfALevelWithoutAnySampleHasNoMean) {
  Table table = grid({factor("policy", {"none", "suspend"})}, {"p99"});
  add_runs(table, 0, {10, 11});
  add_runs(table, 1, {kNan, kNan});
  const Comparison one = compare(Samples(table, true, 0.95)).at(0);
  EXPECT_FALSE(one.difference.has_mean());
  EXPECT_EQ(one.verdict, Verdict::kNotResolvable);
}

TEST(Comparison, IsMadeAtEachSettingOfTheOtherFactors) {
  Table table = grid({factor("policy", {"none", "suspend"}), factor("load", {"1", "2"})}, {"p99"});
  for (std::size_t point = 0; point < 4; ++point) {
    add_runs(table, point, {1, 2});
  }
  const std::vector<Comparison> all = compare(Samples(table, true, 0.95));
  ASSERT_EQ(all.size(), 4U);  // policy at either load, load at either policy
  EXPECT_EQ(all[0].factor, 0U);
  EXPECT_EQ(all[0].at, (Setting{{1, 0}}));
  EXPECT_EQ(all[1].at, (Setting{{1, 1}}));
  EXPECT_EQ(all[2].factor, 1U);
  EXPECT_EQ(all[3].at, (Setting{{0, 1}}));
}

TEST(Comparison, AveragesOverTheLevelsOfAPrior) {
  Table table = grid({factor("policy", {"none", "suspend"}), prior("t", {"1us", "9us"})}, {"p99"});
  add_runs(table, 0, {10, 20});
  add_runs(table, 1, {10, 20});
  add_runs(table, 2, {8, 18});
  add_runs(table, 3, {14, 24});
  // Per seed: (-2 + 4) / 2 = 1, twice.
  const std::vector<Comparison> all = compare(Samples(table, true, 0.95));
  ASSERT_EQ(all.size(), 1U);  // a prior's levels are nobody's choice
  EXPECT_NEAR(all[0].difference.lo, 1, 1e-12);
  EXPECT_EQ(all[0].verdict, Verdict::kHigher);
}

TEST(Comparison, OfALongSweepIsWithTheFirstLevelAndTheOneBefore) {
  Table table = grid({factor("load", {"1", "2", "3", "4", "5", "6", "7"})}, {"p99"});
  for (std::size_t point = 0; point < 7; ++point) {
    add_runs(table, point, {1, 2});
  }
  // 6 with the first; 5 more with the one before (2 with 1 is both).
  EXPECT_EQ(compare(Samples(table, true, 0.95)).size(), 11U);
}

TEST(Comparison, OfASingleLevelDoesNotExist) {
  Table table = grid({factor("policy", {"none"})}, {"p99"});
  add_runs(table, 0, {1, 2});
  EXPECT_TRUE(compare(Samples(table, true, 0.95)).empty());
}

TEST(LimitVerdict, NeedsTheWholeIntervalOnOneSide) {
  const Limit limit{.metric = "p99", .at_most = 10, .label = "10", .is_required = false};
  EXPECT_EQ(judge({.mean = 8, .lo = 7, .hi = 9, .deviation = 1, .n = 3}, limit),
            LimitVerdict::kMet);
  EXPECT_EQ(judge({.mean = 9, .lo = 7, .hi = 11, .deviation = 1, .n = 3}, limit),
            LimitVerdict::kNotResolvable);
  EXPECT_EQ(judge({.mean = 12, .lo = 11, .hi = 13, .deviation = 1, .n = 3}, limit),
            LimitVerdict::kMissed);
  EXPECT_EQ(judge({.mean = 10, .lo = 10, .hi = 10, .deviation = 0, .n = 3}, limit),
            LimitVerdict::kMet);
  EXPECT_EQ(judge({.mean = 8, .lo = kNan, .hi = kNan, .deviation = kNan, .n = 1}, limit),
            LimitVerdict::kNotResolvable);
}

}  // namespace
}  // namespace gpreempt::study
