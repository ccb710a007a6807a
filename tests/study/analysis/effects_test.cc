#include "study/analysis/effects.h"

#include <gtest/gtest.h>

#include <vector>

#include "study/analysis/samples.h"
#include "study/table.h"
#include "tests/study/analysis/tables.h"

namespace gpreempt::study {
namespace {

// Jain, The Art of Computer Systems Performance Analysis, 17.1: memory 4 and 16 MB, cache 1 and
// 2 KB, performance 15, 45, 25, 75 MIPS: q0 = 40, qA = 20 (memory), qB = 10 (cache), qAB = 5;
// memory explains 76 %, cache 19 %, their interaction 5 %.
Table memory_and_cache() {
  Table table = grid({factor("memory", {"4", "16"}), factor("cache", {"1", "2"})}, {"performance"});
  add_runs(table, 0, {15});
  add_runs(table, 1, {25});
  add_runs(table, 2, {45});
  add_runs(table, 3, {75});
  return table;
}

TEST(MainEffects, AreThoseOfJainsTwoByTwoDesign) {
  const Table table = memory_and_cache();
  const std::vector<MainEffect> effects = main_effects(Samples(table, true, 0.95));
  ASSERT_EQ(effects.size(), 2U);
  EXPECT_NEAR(effects[0].levels.at(1).effect.mean, 20, 1e-12);
  EXPECT_NEAR(effects[0].levels.at(0).effect.mean, -20, 1e-12);
  EXPECT_NEAR(effects[0].levels.at(1).mean.mean, 60, 1e-12);
  EXPECT_NEAR(effects[1].levels.at(1).effect.mean, 10, 1e-12);
  EXPECT_NEAR(effects[0].range, 40, 1e-12);
}

TEST(MainEffects, ExplainTheSharesOfJainsTwoByTwoDesign) {
  const Table table = memory_and_cache();
  const std::vector<MainEffect> effects = main_effects(Samples(table, true, 0.95));
  EXPECT_NEAR(effects.at(0).share_explained.value_or(0), 1600.0 / 2100, 1e-12);
  EXPECT_NEAR(effects.at(1).share_explained.value_or(0), 400.0 / 2100, 1e-12);
}

TEST(MainEffects, OfReplicatesAreThoseOfJainsReplicatedDesign) {
  // Jain 18.1: the same design with three replicates: qA = 21.5, qB = 9.5.
  Table table = grid({factor("memory", {"4", "16"}), factor("cache", {"1", "2"})}, {"performance"});
  add_runs(table, 0, {15, 18, 12});
  add_runs(table, 1, {25, 28, 19});
  add_runs(table, 2, {45, 48, 51});
  add_runs(table, 3, {75, 75, 81});
  const std::vector<MainEffect> effects = main_effects(Samples(table, true, 0.90));
  EXPECT_NEAR(effects.at(0).levels.at(1).effect.mean, 21.5, 1e-12);
  EXPECT_NEAR(effects.at(1).levels.at(1).effect.mean, 9.5, 1e-12);
  // By seed, qA is (45+75-15-25)/4 = 20, (48+75-18-28)/4 = 19.25, (51+81-12-19)/4 = 25.25:
  // deviation 3.2692, t(0.95; 2) = 2.9200, half width 5.5115.
  EXPECT_NEAR(effects.at(0).levels.at(1).effect.hi, 21.5 + 5.5115, 1e-3);
}

TEST(MainEffects, LeaveOutAFactorThatIsMixedUpWithAnother) {
  // A list: only the diagonal. Whatever policy does may as well be load's doing.
  Table table{.factors = {factor("policy", {"none", "suspend"}), factor("load", {"1", "2"})},
              .metrics = {"p99"},
              .points = {{.levels = {0, 0}}, {.levels = {1, 1}}},
              .runs = {}};
  add_runs(table, 0, {1, 2});
  add_runs(table, 1, {5, 6});
  EXPECT_TRUE(main_effects(Samples(table, true, 0.95)).empty());
}

TEST(MainEffects, LeaveOutAFactorWhoseLevelsLackSamplesOnOneSide) {
  Table table = memory_and_cache();
  table.runs.at(3).values.at(0) = kNan;
  EXPECT_TRUE(main_effects(Samples(table, true, 0.95)).empty());
}

TEST(MainEffects, OfOneLevelDoNotExist) {
  Table table = grid({factor("policy", {"none"})}, {"p99"});
  add_runs(table, 0, {1, 2});
  EXPECT_TRUE(main_effects(Samples(table, true, 0.95)).empty());
}

TEST(MainEffects, OfAMetricThatNeverChangesExplainNothing) {
  Table table = grid({factor("policy", {"none", "suspend"})}, {"p99"});
  add_runs(table, 0, {4, 4});
  add_runs(table, 1, {4, 4});
  const std::vector<MainEffect> effects = main_effects(Samples(table, true, 0.95));
  EXPECT_EQ(effects.at(0).range, 0);
  EXPECT_EQ(effects.at(0).share_explained, std::nullopt);
}

Table two_priors() {
  // p99 = 10 + t_hiq + 10 x t_fence, the same for both seeds but for an offset of 1.
  Table table = grid({prior("t_hiq", {"1", "2", "3"}), prior("t_fence", {"1", "2"})}, {"p99"});
  for (std::size_t point = 0; point < 6; ++point) {
    const double value =
        10 + static_cast<double>(1 + point / 2) + 10 * static_cast<double>(1 + point % 2);
    add_runs(table, point, {value, value + 1});
  }
  return table;
}

TEST(Tornado, PutsTheWidestSwingFirst) {
  const Table table = two_priors();
  const std::vector<Swing> swings = tornado(Samples(table, true, 0.95));
  ASSERT_EQ(swings.size(), 2U);
  EXPECT_EQ(swings[0].factor, 1U);
  EXPECT_NEAR(swings[0].range, 10, 1e-12);
  EXPECT_NEAR(swings[1].range, 2, 1e-12);
}

TEST(Tornado, SwingsFromTheFirstLevelToTheLast) {
  const Table table = two_priors();
  const Swing swing = tornado(Samples(table, true, 0.95)).at(1);
  // t_fence averages 15: 10 + 1 + 15 + 0.5 and 10 + 3 + 15 + 0.5.
  EXPECT_NEAR(swing.at_first.mean, 26.5, 1e-12);
  EXPECT_NEAR(swing.at_last.mean, 28.5, 1e-12);
  EXPECT_NEAR(swing.swing.lo, 2, 1e-9);
  EXPECT_EQ(swing.low, 0U);
  EXPECT_EQ(swing.high, 2U);
}

TEST(Tornado, SeesAMetricThatIsHighestInTheMiddle) {
  Table table = grid({prior("t", {"1", "2", "3"})}, {"p99"});
  add_runs(table, 0, {1, 1});
  add_runs(table, 1, {9, 9});
  add_runs(table, 2, {1, 1});
  const Swing swing = tornado(Samples(table, true, 0.95)).at(0);
  EXPECT_EQ(swing.range, 8);
  EXPECT_EQ(swing.high, 1U);
  EXPECT_EQ(swing.swing.mean, 0);
}

TEST(Tornado, LeavesOutFactorsThatAreNoPriors) {
  const Table table = memory_and_cache();
  EXPECT_TRUE(tornado(Samples(table, true, 0.95)).empty());
}

}  // namespace
}  // namespace gpreempt::study
