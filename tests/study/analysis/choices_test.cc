#include "study/analysis/choices.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "study/analysis/conclusions.h"
#include "study/analysis/samples.h"
#include "study/table.h"
#include "tests/study/analysis/tables.h"

namespace gpreempt::study {
namespace {

using Pair = std::pair<double, double>;

/// Policies a, b, ...; each with its (latency, overhead) for seeds 1, 2, ...
Table policies(const std::vector<std::vector<Pair>>& runs) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    names.push_back("p" + std::to_string(i));
  }
  Table table = grid({factor("policy", names)}, {"p99", "overhead"});
  for (std::size_t point = 0; point < runs.size(); ++point) {
    for (std::size_t seed = 0; seed < runs[point].size(); ++seed) {
      table.runs.push_back({.point = point,
                            .seed = seed + 1,
                            .values = {runs[point][seed].first, runs[point][seed].second}});
    }
  }
  return table;
}

std::vector<OnFront> front_of(const Table& table) {
  const Samples samples(table, true, 0.95);
  std::vector<OnFront> on;
  for (const FrontPoint& point : pareto_front(samples, configurations(table), 0, 1).points) {
    on.push_back(point.on);
  }
  return on;
}

TEST(ParetoFront, APointThatIsWorseInBothIsNotOnIt) {
  const Table table = policies({{{10, 1}, {11, 1}}, {{20, 2}, {21, 2}}, {{5, 3}, {6, 3}}});
  EXPECT_EQ(front_of(table), (std::vector{OnFront::kCertainly, OnFront::kNo, OnFront::kCertainly}));
}

TEST(ParetoFront, APointThatIsWorseInOneAndEqualInTheOtherIsNotOnIt) {
  const Table table = policies({{{10, 1}, {11, 1}}, {{10, 2}, {11, 2}}});
  EXPECT_EQ(front_of(table), (std::vector{OnFront::kCertainly, OnFront::kNo}));
}

TEST(ParetoFront, EqualPointsAreBothOnIt) {
  const Table table = policies({{{10, 1}, {11, 1}}, {{10, 1}, {11, 1}}});
  EXPECT_EQ(front_of(table), (std::vector{OnFront::kCertainly, OnFront::kCertainly}));
}

TEST(ParetoFront, APointThatMayBeWorseInBothIsPossiblyOnIt) {
  // Latency differences 4 and -2: the interval includes zero. Overhead is certainly higher.
  const Table table = policies({{{10, 1}, {11, 1}}, {{14, 2}, {9, 2}}});
  EXPECT_EQ(front_of(table), (std::vector{OnFront::kCertainly, OnFront::kPossibly}));
}

TEST(ParetoFront, OfSingleRunsIsCertainOfNothing) {
  const Table table = policies({{{10, 1}}, {{20, 2}}});
  EXPECT_EQ(front_of(table), (std::vector{OnFront::kPossibly, OnFront::kPossibly}));
}

TEST(ParetoFront, LeavesOutAConfigurationWithoutSamples) {
  const Table table = policies({{{10, 1}, {11, 1}}, {}});
  EXPECT_EQ(front_of(table), (std::vector{OnFront::kCertainly}));
}

RC_GTEST_PROP(ParetoFront, WithoutNoiseIsTheSetThatNobodyDominates, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 9);
  const auto values = *rc::gen::container<std::vector<Pair>>(
      count, rc::gen::map(rc::gen::pair(rc::gen::inRange(0, 5), rc::gen::inRange(0, 5)),
                          [](std::pair<int, int> pair) { return Pair(pair.first, pair.second); }));
  std::vector<std::vector<Pair>> runs;
  for (const Pair& value : values) {
    runs.push_back({value, value});
  }
  const std::vector<OnFront> on = front_of(policies(runs));
  for (std::size_t i = 0; i < count; ++i) {
    bool dominated = false;
    for (const Pair& other : values) {
      dominated = dominated || (other.first <= values[i].first &&
                                other.second <= values[i].second && other != values[i]);
    }
    RC_ASSERT(on[i] == (dominated ? OnFront::kNo : OnFront::kCertainly));
  }
}

std::vector<Cheapest> cheapest_of(const Table& table, const std::vector<Limit>& limits) {
  const Samples samples(table, true, 0.95);
  const std::vector<Configuration> all = configurations(table);
  return cheapest(samples, all, limits, judge_all(samples, all, limits), {.judged = 0, .cost = 1});
}

const Limit kTen{.metric = "p99", .at_most = 10, .label = "10 ns", .is_required = false};

TEST(Cheapest, IsTheLeastCostlyOneThatMeetsTheLimit) {
  const Table table = policies({{{20, 0}, {21, 0}}, {{8, 2}, {8.1, 2}}, {{3, 4}, {3.1, 4}}});
  const Cheapest one = cheapest_of(table, {kTen}).at(0);
  EXPECT_EQ(one.configuration, 1U);
  EXPECT_EQ(one.price.mean, 2);
  EXPECT_TRUE(one.ties.empty());
  EXPECT_TRUE(one.possible.empty());
}

TEST(Cheapest, NamesOthersThatMayCostAsLittle) {
  const Table table = policies({{{8, 2}, {8.1, 2}}, {{3, 1}, {3.1, 4}}});
  const Cheapest one = cheapest_of(table, {kTen}).at(0);
  EXPECT_EQ(one.configuration, 0U);
  EXPECT_EQ(one.ties, (std::vector<std::size_t>{1}));
}

TEST(Cheapest, DoesNotTakeOneThatOnlyMayMeetTheLimit) {
  // 8 and 11: mean 9.5, but the interval of two samples reaches far above 10.
  const Table table = policies({{{8, 0}, {11, 0}}, {{20, 0}, {21, 0}}});
  const Cheapest one = cheapest_of(table, {kTen}).at(0);
  EXPECT_EQ(one.configuration, std::nullopt);
  EXPECT_EQ(one.possible, (std::vector<std::size_t>{0}));
}

TEST(Cheapest, DoesNotTakeOneThatMissesARequiredLimit) {
  const Table table = policies({{{8, 1}, {8.1, 1}}, {{9, 3}, {9.1, 3}}});
  const Limit overhead{.metric = "overhead", .at_most = 0.5, .label = "0.5", .is_required = true};
  const std::vector<Cheapest> all = cheapest_of(table, {kTen, overhead});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].configuration, std::nullopt);
  EXPECT_TRUE(all[0].possible.empty());
}

TEST(Cheapest, LooksAtEachLimitOfTheMetric) {
  const Table table = policies({{{20, 0}, {21, 0}}, {{8, 2}, {8.1, 2}}});
  const Limit fifty{.metric = "p99", .at_most = 50, .label = "50 ns", .is_required = false};
  const std::vector<Cheapest> all = cheapest_of(table, {fifty, kTen});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].configuration, 0U);
  EXPECT_EQ(all[1].configuration, 1U);
}

}  // namespace
}  // namespace gpreempt::study
