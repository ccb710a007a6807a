// Goal: the policies that look at requests, deadlines and ranks act at the instants that their
// descriptions name.
// Method: timelines worked out by hand; expected decisions are written beside them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "core/decision.h"
#include "core/policy.h"
#include "core/time.h"
#include "tests/unit/core/timetable.h"

namespace gpreempt {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(PriorityPolicyTest, ALowerOfflineTenantWaitsUntilTheHigherOneIsGone) {
  Timetable table("priority", {.priority_b = 2});
  table.born(0);
  table.born_b(3);
  table.exit_a(5);
  EXPECT_THAT(table.until(10), ElementsAre("3ms suspend outranked"));
}

TEST(PriorityPolicyTest, EqualOfflineTenantsShare) {
  Timetable table("priority");
  table.born(0);
  table.born_b(0);
  EXPECT_THAT(table.until(10), IsEmpty());
}

TEST(PriorityPolicyTest, OnlineComesBeforeBoth) {
  Timetable table("priority", {.priority_b = 2});
  table.born(0);
  table.born_b(0);
  table.busy(4);
  table.idle(6);
  EXPECT_THAT(table.until(10), ElementsAre("0ms suspend outranked", "4ms B suspend online-busy",
                                           "6ms B run no-online-work"));
}

TEST(CoalescePolicyTest, PreemptsForTheThirdRequest) {
  Timetable table("coalesce:count=3,window=10ms");
  table.born(0);
  table.arrive(20, 1);
  table.arrive(22, 2);
  table.arrive(24, 3);
  table.finish(25, 1);
  table.finish(26, 2);
  table.finish(27, 3);
  EXPECT_THAT(table.until(50), ElementsAre("24ms suspend online-busy", "27ms run no-online-work"));
}

TEST(CoalescePolicyTest, PreemptsWhenTheOldestHasWaitedForTheWindow) {
  Timetable table("coalesce:count=3,window=10ms");
  table.born(0);
  table.arrive(20, 1);
  table.arrive(26, 2);
  EXPECT_THAT(table.until(50), ElementsAre("30ms suspend online-busy"));
}

TEST(CoalescePolicyTest, ARequestThatEndsWithinTheWindowCostsNoPreemption) {
  Timetable table("coalesce");
  table.born(0);
  table.arrive(20, 1);
  table.finish(29, 1);
  EXPECT_THAT(table.until(50), IsEmpty());
}

// The first request is served with Offline off: 4 ms, so mean 4 and deviation 2 ms, high 12 ms.
// The second one, of 100 ms, is due at 150: off at 150 - 12 - 1 (margin) = 137 ms.
TEST(DeadlinePolicyTest, PreemptsAtTheLastInstantThatMeetsTheDeadline) {
  Timetable table("deadline:margin=1ms", {.promise = milliseconds(50)});
  table.born(0);
  table.arrive(10, 1);
  table.finish(14, 1);
  table.arrive(100, 2);
  EXPECT_THAT(table.until(145), ElementsAre("10ms suspend online-busy", "14ms run no-online-work",
                                            "137ms suspend would-miss"));
  const auto terms = table.decisions().back().terms.items();
  EXPECT_THAT(terms, testing::Contains(Term{.name = TermName::kServiceNs, .value = 12 * kMs}));
  EXPECT_THAT(terms, testing::Contains(Term{.name = TermName::kSlackNs, .value = 0}));
}

TEST(DeadlinePolicyTest, ARequestThatMeetsItsDeadlineByItselfCostsNoPreemption) {
  Timetable table("deadline:margin=1ms", {.promise = milliseconds(50)});
  table.born(0);
  table.arrive(10, 1);
  table.finish(14, 1);
  (void)table.until(50);
  table.arrive(100, 2);
  table.finish(136, 2);
  EXPECT_THAT(table.until(200), IsEmpty());
}

// As above, and suspends take 3 ms: 150 - 12 - 3 - 1 = 134.
TEST(DeadlinePolicyTest, CountsWhatASuspendTakes) {
  Timetable table("deadline:margin=1ms", {.promise = milliseconds(50)});
  table.requests_take(3);
  table.born(0);
  table.arrive(10, 1);
  table.finish(14, 1);
  table.arrive(100, 2);
  EXPECT_THAT(table.until(145), testing::Contains("134ms suspend would-miss"));
}

// Mean 4 ms; due at 150, laxity at t: 150 - t - 4 < 10 from just after 136 ms on.
TEST(LaxityPolicyTest, PreemptsWhenTheLaxityFallsBelowItsBound) {
  Timetable table("laxity:below=10ms", {.promise = milliseconds(50)});
  table.born(0);
  table.arrive(5, 1);  // laxity 50
  table.finish(9, 1);  // shared: 4 ms
  table.arrive(100, 2);
  EXPECT_THAT(table.until(149), ElementsAre("136.000001ms suspend would-miss"));
}

// A suspend and a resume take 2 ms each, so Online waits for 4 ms from the second time on.
TEST(BreakEvenPolicyTest, WaitsForWhatAPreemptionCosts) {
  Timetable table("break-even");
  table.requests_take(2);
  table.born(0);
  table.busy(10);
  table.idle(20);
  (void)table.until(50);
  table.busy(100);
  table.idle(103);
  table.busy(200);
  table.idle(210);
  EXPECT_THAT(table.until(300),
              ElementsAre("204ms suspend online-busy", "214ms run no-online-work"));
}

// Online's turn is 80 ms of 100, and it comes first.
TEST(TimesharePolicyTest, TakesTurnsOfTheShares) {
  Timetable table("timeshare:online=80%,period=100ms");
  table.born(0);
  table.busy(1000);
  EXPECT_THAT(table.until(1250), ElementsAre("1000ms suspend online-busy", "1080ms run own-turn",
                                             "1100ms suspend online-busy", "1180ms run own-turn",
                                             "1200ms suspend online-busy"));
}

TEST(TimesharePolicyTest, DoesNotCountTimeWithoutContention) {
  Timetable table("timeshare:online=80%,period=100ms");
  table.born(0);
  table.busy(1000);
  table.idle(1050);
  table.busy(2000);
  EXPECT_THAT(table.until(2045),
              ElementsAre("1000ms suspend online-busy", "1050ms run no-online-work",
                          "2012.500000ms suspend online-busy"))
      << "it was 50 x 0.2 = 10 ms ahead, and gives them back at 0.8: in 12.5 ms";
}

// Periods of 100 ms: Online's slot 0..50, then A 50..75 and B 75..100 by weights 1 and 1.
TEST(PartitionPolicyTest, GivesEverybodyItsSlot) {
  Timetable table("partition:online=50%,period=100ms");
  table.born(0);
  table.born_b(0);
  table.busy(10);
  EXPECT_THAT(table.until(110),
              ElementsAre("10ms suspend online-busy", "10ms B suspend online-busy",
                          "50ms run own-turn", "75ms suspend others-turn", "75ms B run own-turn",
                          "100ms B suspend online-busy"));
}

TEST(PartitionPolicyTest, OnlinesSlotIsEverybodysWhileItIsIdle) {
  Timetable table("partition:online=50%,period=100ms", {.weight_a = 3});
  table.born(0);
  table.born_b(0);
  EXPECT_THAT(table.until(110),
              ElementsAre("50ms B suspend others-turn", "87.500000ms suspend others-turn",
                          "87.500000ms B run own-turn", "100ms run no-online-work"));
}

// Level 0 until 10 ms, level 1 until 30, then turns of 40 ms: the first began at 0.
TEST(MlfqPolicyTest, OnlineThatWorksOnFallsAndTakesTurns) {
  Timetable table("mlfq:quantum=10ms,boost=1000s");
  table.born(0);
  table.busy(1);
  EXPECT_THAT(table.until(130), ElementsAre("1ms suspend online-busy", "41ms run own-turn",
                                            "81ms suspend online-busy", "121ms run own-turn"));
}

TEST(MlfqPolicyTest, ShortWorkStaysInTheFirstLevelUntilItAddsUp) {
  Timetable table("mlfq:quantum=10ms,boost=1000s");
  table.born(0);
  for (std::int64_t i = 0; i < 3; ++i) {
    table.busy(100 + 50 * i);
    table.idle(110 + 50 * i);
  }
  (void)table.until(250);
  table.busy(300);  // it has used 30 ms: level 2
  table.idle(310);
  EXPECT_THAT(table.until(400),
              ElementsAre("300ms suspend online-busy", "310ms run no-online-work"));
  EXPECT_THAT(table.decisions()[6].terms.items(),
              testing::Contains(Term{.name = TermName::kLevelCount, .value = 2}));
}

TEST(MlfqPolicyTest, ABoostPutsOnlineBackIntoTheFirstLevel) {
  Timetable table("mlfq:quantum=10ms,boost=50ms");
  table.born(0);
  table.busy(1);
  EXPECT_THAT(table.until(60), ElementsAre("1ms suspend online-busy", "41ms run own-turn",
                                           "50ms suspend online-busy"));
}

// Born at 0, A is due at 200; Online's first request at 60. Off at 10, A is due at 210: before the
// second request, due at 215, but not before the first. Its turn is over 5 ms later.
TEST(KEdfPolicyTest, TheEarliestDeadlineGoesFirst) {
  Timetable table("k-edf:turn=5ms", {.promise = milliseconds(50), .promise_a = milliseconds(200)});
  table.born(0);
  table.arrive(10, 1);
  table.arrive(165, 2);
  table.finish(170, 1);
  EXPECT_THAT(table.until(200), ElementsAre("10ms suspend others-turn", "170ms run own-turn",
                                            "175ms suspend others-turn"));
}

TEST(KEdfPolicyTest, AnEarlierOfflineDeadlineCostsNoPreemption) {
  Timetable table("k-edf", {.promise = milliseconds(50), .promise_a = milliseconds(30)});
  table.born(0);
  table.arrive(10, 1);
  EXPECT_THAT(table.until(30), IsEmpty()) << "A is due at 30, the request at 60";
}

TEST(KEdfPolicyTest, AnOfflineTenantWithoutADeadlineComesLast) {
  Timetable table("k-edf", {.promise = milliseconds(50)});
  table.born(0);
  table.born_b(0);
  table.arrive(10, 1);
  table.finish(12, 1);
  EXPECT_THAT(table.until(50), ElementsAre("10ms suspend others-turn", "10ms B suspend others-turn",
                                           "12ms run no-online-work", "12ms B run no-online-work"));
}

TEST(KEdfPolicyTest, WithKTwoOnlineAndOfflineShare) {
  Timetable table("k-edf:k=2", {.promise = milliseconds(50)});
  table.born(0);
  table.arrive(10, 1);
  EXPECT_THAT(table.until(50), IsEmpty());
}

// min-run holds the suspension of 12 ms back until 10 + 5; hold-off counts from the wish.
TEST(GuardTest, MinRunHoldsBackTheNextPreemption) {
  Timetable table("suspend:min-run=5ms");
  table.born(0);
  table.busy(8);
  table.idle(10);
  table.busy(12);
  EXPECT_THAT(table.until(50), ElementsAre("8ms suspend online-busy", "10ms run no-online-work",
                                           "15ms suspend online-busy"));
}

TEST(GuardTest, HoldOffIgnoresShortWork) {
  Timetable table("suspend:hold-off=3ms");
  table.born(0);
  table.busy(10);
  table.idle(12);
  table.busy(20);
  EXPECT_THAT(table.until(50), ElementsAre("23ms suspend online-busy"));
}

// Two a second: one may be saved up, so the third waits until a credit is back, 500 ms after it.
TEST(GuardTest, CreditBoundsHowOftenAMemberIsPreempted) {
  Timetable table("suspend:credit=2/s");
  table.born(0);
  for (const std::int64_t ms : {100, 200, 300}) {
    table.busy(ms);
    table.idle(ms + (ms == 300 ? 900 : 10));
  }
  EXPECT_THAT(table.until(2000),
              ElementsAre("100ms suspend online-busy", "110ms run no-online-work",
                          "200ms suspend online-busy", "210ms run no-online-work",
                          "600ms suspend online-busy", "1200ms run no-online-work"));
}

std::string policies_document() {
  const std::filesystem::path file =
      std::filesystem::path(GPREEMPT_SOURCE_DIR) / "docs" / "policies.md";
  std::ifstream stream(file);
  return {(std::istreambuf_iterator<char>(stream)), {}};
}

TEST(PolicyTableTest, EveryFileOfItsFolderIsAPolicy) {
  std::set<std::string> files;
  const auto folder = std::filesystem::path(GPREEMPT_SOURCE_DIR) / "core" / "policies";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".cc") {
      std::string name = entry.path().stem();
      std::ranges::replace(name, '_', '-');
      files.insert(name);
    }
  }
  const auto names = policy_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), files);
  EXPECT_EQ(names.front(), "none");  // what the others are compared with
}

TEST(PolicyTableTest, TheDocumentSaysOfEveryPolicyWhenItWinsAndWhatItGuaranteesAndShowsIt) {
  const std::string text = policies_document();
  for (const PolicyEntry& entry : policies()) {
    const std::string title = "\n## `" + std::string(entry.name) + "`\n";
    const std::size_t begin = text.find(title);
    ASSERT_NE(begin, std::string::npos) << entry.name;
    const std::string section =
        text.substr(begin + title.size(), text.find("\n## ", begin + 1) - begin - title.size());
    EXPECT_THAT(section, HasSubstr("Wins ")) << entry.name;
    EXPECT_THAT(section, HasSubstr("Guarantee: ")) << entry.name;
    EXPECT_THAT(section, HasSubstr("eeds ")) << entry.name;
    EXPECT_THAT(section, HasSubstr("\n```\n")) << entry.name;
  }
}

TEST(PolicyTableTest, TheDocumentNamesEveryPolicyAndKnob) {
  const std::string text = policies_document();
  ASSERT_FALSE(text.empty());
  for (const PolicyEntry& entry : policies()) {
    EXPECT_THAT(text, HasSubstr("\n## `" + std::string(entry.name) + "`"));
    for (const PolicyOption& option : entry.options) {
      EXPECT_THAT(
          text, HasSubstr("`" + std::string(option.key) + "=" + std::string(option.fallback) + "`"))
          << entry.name;
    }
  }
  for (const PolicyOption& option : common_policy_options()) {
    EXPECT_THAT(text, HasSubstr("`" + std::string(option.key) + "="));
  }
}

TEST(PolicyTableTest, TheRowSaysWhatThePolicyNeeds) {
  for (const PolicyEntry& entry : policies()) {
    const PolicyNeeds needs = make_policy(entry.name).value()->needs();
    EXPECT_EQ(needs.activity, entry.needs.activity) << entry.name;
    EXPECT_EQ(needs.requests, entry.needs.requests) << entry.name;
    EXPECT_EQ(needs.deadlines, entry.needs.deadlines) << entry.name;
  }
}

}  // namespace
}  // namespace gpreempt
