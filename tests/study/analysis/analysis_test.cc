#include "study/analysis.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "study/analysis/conclusions.h"
#include "study/analysis/fragile.h"
#include "study/table.h"
#include "tests/study/analysis/tables.h"

namespace gpreempt::study {
namespace {

/// Policy none costs 10 whatever t is; suspend costs 2, 6 or `last` at t = 1, 2, 3.
Table hanging_on_t(double last) {
  Table table = grid({factor("policy", {"none", "suspend"}), prior("t", {"1", "2", "3"})}, {"p99"});
  for (std::size_t point = 0; point < 3; ++point) {
    add_runs(table, point, {10, 10});
  }
  add_runs(table, 3, {2, 2});
  add_runs(table, 4, {6, 6});
  add_runs(table, 5, {last, last});
  return table;
}

AnalysisRequest request_with(std::vector<Limit> limits) {
  return {.name = "test", .question = "?", .limits = std::move(limits)};
}

TEST(FragileConclusion, IsOneThatFlipsAtALevelOfAPrior) {
  const Table table = hanging_on_t(12);  // on average suspend is (8 + 4 - 2) / 3 lower
  const Analysis analysis = analyse(table, request_with({}));
  ASSERT_EQ(analysis.fragile.size(), 1U);
  const Fragile& one = analysis.fragile[0];
  EXPECT_EQ(analysis.comparisons.at(one.index).verdict, Verdict::kLower);
  EXPECT_EQ(one.parameter, 1U);
  EXPECT_EQ(one.level, 2U);
  EXPECT_NEAR(one.there.mean, 2, 1e-12);
  EXPECT_TRUE(one.is_resolved);
}

TEST(FragileConclusion, IsNotOneThatHoldsAtEveryLevel) {
  EXPECT_TRUE(analyse(hanging_on_t(9), request_with({})).fragile.empty());
}

TEST(FragileConclusion, SaysWhenTheFlipItselfIsNotResolved) {
  Table table = hanging_on_t(12);
  table.runs.clear();
  for (std::size_t point = 0; point < 3; ++point) {
    add_runs(table, point, {10, 10, 10, 10});
  }
  add_runs(table, 3, {2, 2, 2, 2});
  add_runs(table, 4, {6, 6, 6, 6});
  add_runs(table, 5, {9, 15, 9, 15});
  const Analysis analysis = analyse(table, request_with({}));
  // Whole: -13/3, -7/3, -13/3, -7/3: mean -10/3, deviation 1.1547, half width 1.837: resolved.
  // At t = 3: -1, 5, -1, 5: mean 2, half width 5.5: not resolved.
  ASSERT_EQ(analysis.fragile.size(), 1U);
  EXPECT_FALSE(analysis.fragile[0].is_resolved);
}

TEST(FragileConclusion, IsFoundAlsoWhereOppositeLevelsCancelOnTheWhole) {
  Table table = grid({factor("policy", {"none", "suspend"}), prior("t", {"1", "2"})}, {"p99"});
  add_runs(table, 0, {10, 10});
  add_runs(table, 1, {10, 10});
  add_runs(table, 2, {5, 5});
  add_runs(table, 3, {15, 15});
  const Analysis analysis = analyse(table, request_with({}));
  ASSERT_EQ(analysis.fragile.size(), 1U);
  EXPECT_EQ(analysis.comparisons.at(analysis.fragile[0].index).verdict, Verdict::kNotResolvable);
  EXPECT_EQ(analysis.fragile[0].level, 1U);
}

TEST(FragileConclusion, MayBeAVerdictOnALimit) {
  // Suspend averages 20/3 and meets 7, but not at t = 3 (12).
  const Limit seven{.metric = "p99", .at_most = 7, .label = "7 ns", .is_required = false};
  const Analysis analysis = analyse(hanging_on_t(12), request_with({seven}));
  ASSERT_EQ(analysis.fragile.size(), 2U);
  const auto& verdict = analysis.judgements.at(analysis.fragile[1].index);
  EXPECT_EQ(verdict.verdict, LimitVerdict::kMet);
  EXPECT_EQ(analysis.fragile[1].level, 2U);
  EXPECT_NEAR(analysis.fragile[1].there.mean, 12, 1e-12);
}

Table small_study() {
  Table table = grid({factor("scheduler.policy", {"none", "suspend"})},
                     {"online.latency_ns.p99", "offline.overhead"});
  for (const std::uint64_t seed : {1U, 2U}) {
    table.runs.push_back(
        {.point = 0, .seed = seed, .values = {40e6 + 1e6 * static_cast<double>(seed), 0.0}});
  }
  for (const std::uint64_t seed : {1U, 2U}) {
    table.runs.push_back(
        {.point = 1, .seed = seed, .values = {20e6 + 1e6 * static_cast<double>(seed), 0.02}});
  }
  return table;
}

TEST(AnalysisJson, HoldsTheAgreedKeysAndNumbers) {
  const Limit limit{
      .metric = "online.latency_ns.p99", .at_most = 50e6, .label = "50 ms", .is_required = false};
  const auto json =
      nlohmann::json::parse(analysis_json(analyse(small_study(), request_with({limit}))));
  EXPECT_EQ(json.at("schema"), 1);
  EXPECT_EQ(json.at("study"), "test");
  EXPECT_EQ(json.at("quick"), false);
  EXPECT_EQ(json.at("evidence"), "simulated");
  EXPECT_EQ(json.at("factors").at(0).at("name"), "scheduler.policy");
  EXPECT_EQ(json.at("factors").at(0).at("prior"), false);
  EXPECT_EQ(json.at("points").at(1).at("levels").at("scheduler.policy"), "suspend");
  EXPECT_EQ(json.at("points").at(1).at("metrics").at("online.latency_ns.p99").at("mean"), 21.5e6);
  EXPECT_EQ(json.at("points").at(1).at("metrics").at("online.latency_ns.p99").at("n"), 2);
  EXPECT_EQ(json.at("comparisons").at(0).at("verdict"), "lower");
  EXPECT_EQ(json.at("comparisons").at(0).at("difference"), -20e6);
  EXPECT_EQ(json.at("pareto").at("x"), "online.latency_ns.p99");
  EXPECT_EQ(json.at("pareto").at("points"), (std::vector<int>{0, 1}));
  EXPECT_EQ(json.at("pareto").at("configurations").at(0).at("on_front"), "certainly");
  EXPECT_TRUE(json.at("fragile").empty());
}

TEST(AnalysisJson, WritesNullForWhatIsUnknown) {
  Table table = small_study();
  table.runs = {{.point = 0, .seed = 1, .values = {kNan, 0.1}}};
  const auto json = nlohmann::json::parse(analysis_json(analyse(table, request_with({}))));
  const auto& metrics = json.at("points").at(0).at("metrics");
  EXPECT_TRUE(metrics.at("online.latency_ns.p99").at("mean").is_null());
  EXPECT_EQ(metrics.at("offline.overhead").at("mean"), 0.1);
  EXPECT_TRUE(metrics.at("offline.overhead").at("lo").is_null());
  EXPECT_EQ(json.at("points").at(1).at("runs"), 0);
}

TEST(AnalysisJson, OfAStudyWithoutTheFrontsMetricsHasNoFront) {
  Table table = hanging_on_t(9);
  const auto json = nlohmann::json::parse(analysis_json(analyse(table, request_with({}))));
  EXPECT_TRUE(json.at("pareto").is_null());
  EXPECT_TRUE(json.at("cheapest").at("choices").empty());
}

TEST(Analysis, OfAnEmptyTableIsEmpty) {
  const Analysis analysis = analyse(Table{}, request_with({}));
  EXPECT_TRUE(analysis.comparisons.empty());
  EXPECT_FALSE(analysis.pareto.has_value());
  EXPECT_FALSE(analysis_json(analysis).empty());
}

}  // namespace
}  // namespace gpreempt::study
