// Goal: each rule tells its outcomes apart, and says so when it cannot.
// Method: waits and times made by hand.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/stats.h"
#include "core/time.h"
#include "experiments/activity_rule.h"
#include "experiments/bystander_rule.h"
#include "experiments/priority_rule.h"
#include "experiments/sampled.h"
#include "experiments/verdict.h"
#include "tests/experiments/worlds.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;
using testing::find;
using testing::number;

/// 40 values evenly between `least` and `most`.
std::vector<std::int64_t> spread(Duration least, Duration most) {
  std::vector<std::int64_t> values;
  for (int i = 0; i < 40; ++i) {
    values.push_back(to_ns(least + (most - least) * i / 39));
  }
  return values;
}

constexpr Duration kNothing = Duration(2'000);
constexpr Duration kLong = milliseconds(10);

PriorityEvidence evidence_with(std::vector<std::int64_t> high) {
  // An arrival at any time waits for what is left of a kernel of 10 ms: 0 to 10 ms.
  return {.long_kernel = kLong,
          .equal_waits = spread(Duration(0), kLong),
          .high_waits = std::move(high),
          .alone_waits = spread(Duration(0), kNothing)};
}

TEST(PriorityRule, WaitingForWhatIsLeftOfTheRunningKernelIsNoPreemption) {
  const Verdict verdict = judge_preemption(evidence_with(spread(Duration(0), kLong)));
  EXPECT_EQ(verdict.answer, Answer::kNo);
  EXPECT_NEAR(number(verdict, "high_wait_share"), 0.5, 0.03);
}

TEST(PriorityRule, NotWaitingWhereOthersWaitIsPreemption) {
  const Verdict verdict = judge_preemption(evidence_with(spread(Duration(0), milliseconds(1))));
  EXPECT_EQ(verdict.answer, Answer::kYes);
}

TEST(PriorityRule, SomethingBetweenCannotBeTold) {
  const Verdict verdict = judge_preemption(evidence_with(spread(milliseconds(1), milliseconds(3))));
  EXPECT_EQ(verdict.answer, Answer::kNotResolvable);
}

TEST(PriorityRule, LongKernelsThatLeaveRoomShowNothing) {
  PriorityEvidence evidence = evidence_with(spread(Duration(0), kNothing));
  evidence.equal_waits = spread(Duration(0), kNothing);
  EXPECT_EQ(judge_preemption(evidence).answer, Answer::kNotResolvable);
}

TEST(PriorityRule, ThreeKernelsAreTooFew) {
  const PriorityEvidence evidence = evidence_with({5'000'000, 6'000'000, 7'000'000});
  EXPECT_EQ(judge_preemption(evidence).answer, Answer::kNotResolvable);
}

TEST(PriorityRule, BurstThatEndsEarlyDoesNotCountAsPreemption) {
  // The case that was taken for preemption: 200 ms beside a backlog of 10 s.
  const Verdict early = judge_backlog(milliseconds(200), milliseconds(10'000), kLong);
  EXPECT_EQ(early.answer, Answer::kYes);
  EXPECT_DOUBLE_EQ(number(early, "burst_over_long_kernel"), 20);
  EXPECT_EQ(judge_backlog(milliseconds(10'010), milliseconds(10'000), kLong).answer, Answer::kNo);
}

TEST(BystanderRule, CostOfAQueueIsTheSlope) {
  // 100 us, and 3 us for each queue.
  std::vector<BystanderPoint> points;
  for (const std::uint32_t queues : {2U, 6U, 18U}) {
    points.push_back(
        {.mapped_queues = queues,
         .off = std::vector<std::int64_t>(20, 100'000 + 3'000 * std::int64_t{queues})});
  }
  const Verdict verdict = find(judge_bystander(points), "bystander/grows-with-queues");
  EXPECT_EQ(verdict.answer, Answer::kYes);
  EXPECT_NEAR(number(verdict, "per_queue_ns"), 3'000, 1e-6);
  EXPECT_NEAR(number(verdict, "at_no_queue_ns"), 100'000, 1e-6);
}

TEST(BystanderRule, BandsThatOverlapLeaveItOpen) {
  const std::vector<BystanderPoint> points = {
      {.mapped_queues = 2, .off = spread(milliseconds(1), milliseconds(3))},
      {.mapped_queues = 18, .off = spread(milliseconds(1), milliseconds(3))}};
  EXPECT_EQ(find(judge_bystander(points), "bystander/grows-with-queues").answer,
            Answer::kNotResolvable);
  EXPECT_EQ(find(judge_bystander(points), "bystander/is-preempted").answer, Answer::kYes);
}

TEST(BystanderRule, WhoIsNeverOffIsNoBystander) {
  const std::vector<std::int64_t> never(20, 0);
  const std::vector<BystanderPoint> points = {{.mapped_queues = 2, .off = never},
                                              {.mapped_queues = 18, .off = never}};
  EXPECT_EQ(find(judge_bystander(points), "bystander/is-preempted").answer, Answer::kNo);
}

TEST(ActivityRule, EdgesWithinAPollShowAnIndexThatMovesEarly) {
  const ActivityEvidence early{
      .period = milliseconds(1), .delays = spread(Duration(0), milliseconds(1)), .expected = 40};
  EXPECT_EQ(find(judge_activity("x", early), "activity/x/read-index-early").answer, Answer::kYes);
  const ActivityEvidence late{.period = milliseconds(1),
                              .delays = spread(milliseconds(1), milliseconds(2)),
                              .expected = 40};
  EXPECT_EQ(find(judge_activity("x", late), "activity/x/read-index-early").answer, Answer::kNo);
}

TEST(ActivityRule, EdgeDuringAKernelOrAMissingOneIsAMiss) {
  ActivityEvidence evidence{
      .period = milliseconds(1), .delays = spread(Duration(0), milliseconds(1)), .expected = 40};
  EXPECT_EQ(find(judge_activity("x", evidence), "activity/x/idle-is-true").answer, Answer::kMet);
  evidence.early = 1;
  evidence.expected = 41;
  EXPECT_EQ(find(judge_activity("x", evidence), "activity/x/idle-is-true").answer, Answer::kMissed);
  evidence.early = 0;
  EXPECT_EQ(find(judge_activity("x", evidence), "activity/x/idle-is-true").answer, Answer::kMissed);
}

TEST(FitLine, IsTheLineThroughPointsOnOne) {
  const std::vector<double> x = {1, 2, 5};
  const std::vector<double> y = {3, 5, 11};
  EXPECT_NEAR(fit_line(x, y).slope, 2, 1e-12);
  EXPECT_NEAR(fit_line(x, y).intercept, 1, 1e-12);
}

TEST(Sampled, AgreementComesWithItsConfidence) {
  Verdict verdict{.name = "a", .answer = Answer::kYes, .reason = {}};
  add_agreement(verdict, 0, 10);
  EXPECT_EQ(verdict.confidence, std::nullopt);
  EXPECT_TRUE(verdict.numbers.empty());
  add_agreement(verdict, 10, 10);
  EXPECT_EQ(verdict.confidence, 0.95);
  ASSERT_EQ(verdict.numbers.size(), 1U);
  EXPECT_EQ(verdict.numbers.front().first, "agrees_at_least");
  EXPECT_NEAR(verdict.numbers.front().second, 0.7411, 1e-4);  // 0.05^(1/10)
}

TEST(Sampled, ARatioOfMediansIsAsSureAsBothBandsTogether) {
  // Of 10 the ranks 2 and 9 enclose the median at 97.5 %: 2 * 11 / 1024 = 2.1 % lie beyond.
  const Ratio ratio = median_ratio(Sample({10, 20, 30, 40, 50, 60, 70, 80, 90, 100}),
                                   Sample({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_TRUE(ratio.bounded);
  EXPECT_DOUBLE_EQ(ratio.value, 10);
  EXPECT_DOUBLE_EQ(ratio.lo, 20.0 / 9);
  EXPECT_DOUBLE_EQ(ratio.hi, 45);
  EXPECT_FALSE(median_ratio(Sample({1, 2, 3}), Sample({1, 2, 3})).bounded);
}

TEST(ActivityRule, OneEarlyEdgeRefutesForCertainAndNeedsNoConfidence) {
  ActivityEvidence evidence{.period = milliseconds(1), .expected = 3};
  evidence.delays = {1'500'000, 1'500'000, 1'500'000};
  EXPECT_EQ(judge_activity("x", evidence).back().confidence, 0.95);
  // Three cannot enclose a median at 95 %.
  EXPECT_EQ(judge_activity("x", evidence).front().confidence, std::nullopt);
  evidence.early = 1;
  EXPECT_EQ(judge_activity("x", evidence).back().confidence, std::nullopt);
}

}  // namespace
}  // namespace gpreempt::experiments
