#include "cli/study_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "cli/study_quantity.h"
#include "study/analysis.h"
#include "study/analysis/conclusions.h"
#include "study/schedule.h"
#include "study/table.h"
#include "tests/study/analysis/tables.h"

namespace gpreempt::cli {
namespace {

using study::add_runs;
using study::factor;
using study::grid;
using study::prior;
using ::testing::HasSubstr;
using ::testing::Not;

std::string text_of(const study::Table& table, std::vector<study::Limit> limits = {}) {
  return analysis_text(study::analyse(
      table, {.name = "test", .question = "which one?", .limits = std::move(limits)}));
}

study::Table two_policies() {
  study::Table table =
      grid({factor("scheduler.policy", {"none", "suspend"})}, {"online.latency_ns.p99"});
  add_runs(table, 0, {40e6, 44e6, 42e6});
  add_runs(table, 1, {20e6, 24.2e6, 22.1e6});
  return table;
}

TEST(StudyReport, SaysWhatWasComparedAndByHowMuchItDiffers) {
  const std::string text = text_of(two_policies());
  EXPECT_THAT(text, HasSubstr("question   which one?"));
  EXPECT_THAT(text, HasSubstr("evidence   simulated; every cost is a prior"));
  // Differences 20, 19.8 and 19.9 ms: mean 19.9, deviation 0.1, half width 4.303 x 0.1 / sqrt(3).
  EXPECT_THAT(text, HasSubstr("-19.9 ms  -20.1 ms .. -19.7 ms"));
  EXPECT_THAT(text, HasSubstr("lower"));
}

TEST(StudyReport, SaysNotResolvableAndHowManySeedsWouldDo) {
  study::Table table = two_policies();
  table.runs.clear();
  add_runs(table, 0, {0, 0, 0, 0});
  add_runs(table, 1, {2e6, -1e6, 0.5e6, 0.5e6});
  // 50 pairs (conclusions_test.cc), of which four are there.
  EXPECT_THAT(text_of(table), HasSubstr("not resolvable; some 46 more seeds would probably do"));
}

TEST(StudyReport, SaysWhyOneSeedAndEqualPairsAreNotResolvable) {
  study::Table table = two_policies();
  table.runs.clear();
  add_runs(table, 0, {1});
  add_runs(table, 1, {2});
  EXPECT_THAT(text_of(table), HasSubstr("not resolvable with one seed"));
  table.runs.clear();
  add_runs(table, 0, {1, 2});
  add_runs(table, 1, {1, 2});
  EXPECT_THAT(text_of(table), HasSubstr("every pair is equal"));
}

TEST(StudyReport, DoesNotClaimRobustnessWithoutAPrior) {
  EXPECT_THAT(text_of(two_policies()),
              HasSubstr("What hangs on a guess: unknown, no model parameter was varied"));
}

TEST(StudyReport, NamesTheParameterAndTheLevelThatAConclusionHangsOn) {
  study::Table table = grid(
      {factor("scheduler.policy", {"none", "suspend"}), prior("model.cost.t_hiq", {"3us", "90us"})},
      {"online.latency_ns.p99"});
  add_runs(table, 0, {10e6, 10e6});
  add_runs(table, 1, {10e6, 10e6});
  add_runs(table, 2, {2e6, 2e6});
  add_runs(table, 3, {12e6, 12e6});
  const std::string text = text_of(table);
  EXPECT_THAT(text, HasSubstr("policy suspend against none: online.latency_ns.p99 is lower"));
  EXPECT_THAT(text, HasSubstr("t_hiq 90us"));
  EXPECT_THAT(text, HasSubstr("for sure"));
}

TEST(StudyReport, CutsALongListAndSaysSo) {
  std::vector<std::string> levels;
  for (int i = 0; i < 50; ++i) {
    levels.push_back(std::to_string(i));
  }
  study::Table table = grid({factor("load", levels)}, {"p99"});
  for (std::size_t point = 0; point < levels.size(); ++point) {
    add_runs(table, point, {1, 2});
  }
  EXPECT_THAT(text_of(table), HasSubstr("[... 10 more: --format json, or analysis.json]"));
}

TEST(StudyReport, ShowsTheVerdictsOnLimits) {
  const study::Limit limit{
      .metric = "online.latency_ns.p99", .at_most = 30e6, .label = "30 ms", .is_required = false};
  const std::string text = text_of(two_policies(), {limit});
  EXPECT_THAT(text, HasSubstr("missed"));
  EXPECT_THAT(text, HasSubstr("met"));
}

TEST(StudyReport, TheParetoFrontComparesOnlyWhatHasTheSameWorkAndSaysSo) {
  study::Table table = grid({factor("scheduler.policy", {"none", "suspend"}),
                             factor("online.serve.arrivals.rate", {"2/s", "50/s"})},
                            {"online.latency_ns.p99", "offline.overhead"});
  const std::vector<std::vector<double>> values = {
      {40e6, 0.0}, {90e6, 0.0}, {20e6, 0.1}, {95e6, 0.2}};
  for (std::size_t point = 0; point < values.size(); ++point) {
    for (const std::uint64_t seed : {1U, 2U}) {
      table.runs.push_back({.point = point, .seed = seed, .values = values[point]});
    }
  }
  const auto front_of = [&](std::vector<std::string> given) {
    const std::string text = analysis_text(study::analyse(
        table, {.name = "test", .question = "", .limits = {}, .given = std::move(given)}));
    return text.substr(text.find("Pareto front"));
  };
  const std::string by_load = front_of({"online.serve.arrivals.rate"});
  EXPECT_THAT(by_load, HasSubstr("Pareto front: nobody with the same work is better in both\n"));
  EXPECT_THAT(by_load, HasSubstr("\n  at                     configuration "));
  // Sorted by the load: none and suspend at 2/s before none at 50/s, though that is on its front.
  const std::size_t slow = by_load.find("rate 2/s    policy suspend");
  ASSERT_NE(slow, std::string::npos) << by_load;
  EXPECT_LT(slow, by_load.find("rate 50/s     policy none")) << by_load;
  const std::string at_all = front_of({});
  EXPECT_THAT(at_all, HasSubstr("Pareto front: nobody is better in both\n"));
  EXPECT_THAT(at_all, Not(HasSubstr("rate 2/s    policy")));
}

TEST(StudyReport, CountsInTheSingularAndNamesTheOnlyRow) {
  study::Table table = grid({factor("scheduler.policy", {"none"})}, {"online.latency_ns.p99"});
  add_runs(table, 0, {1e6});
  const std::string text = text_of(table, {{.metric = "online.latency_ns.p99",
                                            .at_most = 30e6,
                                            .label = "30ms",
                                            .is_required = false}});
  EXPECT_THAT(text, HasSubstr("1 point of 1 level, 1 run, seeds"));
  EXPECT_THAT(text, HasSubstr("\n  all            "));
  EXPECT_THAT(text, HasSubstr("online.latency_ns.p99 at most 30ms"));
}

TEST(StudyReport, FailuresWithTheSameWordsAreOneLineAndComeFirstIfNothingWorked) {
  const auto row = [](std::size_t point, std::string error) {
    study::Row made;
    made.point = point;
    made.seed = 1;
    made.error = std::move(error);
    return made;
  };
  const study::Table table = two_policies();
  const study::Analysis analysis = study::analyse(table, {.name = "test", .question = ""});
  const std::string none = study_text(analysis, {row(0, "no"), row(1, "no"), row(2, "other")});
  EXPECT_TRUE(
      none.starts_with("all 3 runs failed\n"
                       "  point 0, seed 1 and 1 other: no\n"
                       "  point 2, seed 1: other\n"))
      << none;
  const std::string some = study_text(analysis, {row(0, ""), row(1, "no")});
  EXPECT_TRUE(some.starts_with("study      test"));
  EXPECT_TRUE(some.ends_with("1 run failed\n  point 1, seed 1: no\n")) << some;
}

TEST(MetricText, NothingHasNoSign) {
  EXPECT_EQ(metric_text("offline.overhead", -0.00001), "0.00 %");
  EXPECT_EQ(metric_text("offline.overhead", -0.0001), "-0.01 %");
  EXPECT_EQ(metric_text("preemptions.suspend", -0.0), "0");
  EXPECT_EQ(metric_change_text("offline.overhead", 0.00001), "0.00 %");
  EXPECT_EQ(metric_change_text("offline.overhead", 0.01), "+1.00 %");
}

TEST(LimitText, IsTheSameEverywhere) {
  EXPECT_EQ(limit_text("online.latency_ns.p99", "50ms"), "online.latency_ns.p99 at most 50ms");
  EXPECT_EQ(limit_text("online.unfinished", "none"), "online.unfinished none");
}

TEST(MetricText, GoesByTheNameOfTheMetric) {
  EXPECT_EQ(metric_text("online.latency_ns.p99", 12.3e6), "12.3 ms");
  EXPECT_EQ(metric_text("offline.overhead", 0.0123), "1.23 %");
  EXPECT_EQ(metric_text("preemptions.suspend", 12), "12");
  EXPECT_EQ(metric_text("preemptions.saved_bytes_mean", 2.94e6), "2.94 MB");
  EXPECT_EQ(metric_text("offline.loss", std::numeric_limits<double>::quiet_NaN()), "-");
  EXPECT_EQ(metric_change_text("online.latency_ns.p99", 1e3), "+1.00 us");
}

TEST(ShortNames, KeepWhatTellsPathsApart) {
  EXPECT_EQ(short_names({"scheduler.policy", "online.guard.queues", "offline.train.queues"}),
            (std::vector<std::string>{"policy", "guard.queues", "train.queues"}));
  EXPECT_EQ(short_names({"policy", "policy"}), (std::vector<std::string>{"policy", "policy"}));
}

}  // namespace
}  // namespace gpreempt::cli
