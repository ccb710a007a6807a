// Goal: what is said of a process's life follows from what was seen of it, also where the models
// never get: queues that come and go, a slot that is missing, what outlives its process.
// Method: lives made by hand, of five compute queues on four XCCs.
#include "experiments/lifecycle_rule.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/event.h"
#include "core/time.h"
#include "experiments/verdict.h"
#include "tests/experiments/worlds.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::find;
using testing::number;

LifeSample sample(int at, LifeStage stage, std::size_t compute) {
  return {.at = seconds(at),
          .stage = stage,
          .compute = compute,
          .sdma = stage == LifeStage::kAlive ? 2U : 0U,
          .hardware = HardwareCounts{.descriptors = compute,
                                     .slots = 4 * compute,
                                     .all_descriptors = compute + 1,
                                     .all_slots = 4 * compute + 4}};
}

LifeEvidence life() {
  LifeEvidence life{.identified = seconds(5),
                    .first = {},
                    .samples = {sample(-10, LifeStage::kBefore, 0)},
                    .destroyed = milliseconds(20),
                    .no_view = {},
                    .xccs = 4};
  life.first = {{.kernel_id = 0, .role = QueueRole::kInternal}, {.kernel_id = 3}};
  for (const int at : {5, 10, 90}) {
    life.samples.push_back(sample(at, LifeStage::kAlive, 5));
  }
  life.samples.push_back(sample(105, LifeStage::kGone, 0));
  return life;
}

TEST(LifecycleRule, LimitItselfIsStillInTime) {
  LifeEvidence slow = life();
  EXPECT_EQ(find(judge_lifecycle(slow), "lifecycle/identified").answer, Answer::kMet);
  slow.identified = seconds(5) + Duration(1);
  EXPECT_EQ(find(judge_lifecycle(slow), "lifecycle/identified").answer, Answer::kMissed);
}

TEST(LifecycleRule, OneQueueMoreOrLessIsStable) {
  LifeEvidence restless = life();
  restless.samples.at(2).compute = 6;
  EXPECT_EQ(find(judge_lifecycle(restless), "lifecycle/count-is-stable").answer, Answer::kMet);
  restless.samples.at(1).compute = 4;
  EXPECT_EQ(find(judge_lifecycle(restless), "lifecycle/count-is-stable").answer, Answer::kMissed);
}

TEST(LifecycleRule, QueueThatMissesASlotInAnySampleIsNoticed) {
  EXPECT_EQ(find(judge_lifecycle(life()), "lifecycle/one-slot-per-xcc").answer, Answer::kMet);
  LifeEvidence partial = life();
  partial.samples.at(1).hardware->not_one_per_xcc = 1;
  EXPECT_EQ(find(judge_lifecycle(partial), "lifecycle/one-slot-per-xcc").answer, Answer::kMissed);
  LifeEvidence unlisted = life();
  unlisted.samples.at(1).hardware->descriptors = 0;
  EXPECT_EQ(find(judge_lifecycle(unlisted), "lifecycle/one-slot-per-xcc").answer, Answer::kMissed);
}

TEST(LifecycleRule, WorldWithoutTheFilesSaysSoAndStillHasATimeline) {
  LifeEvidence blind = life();
  blind.no_view = "there is no debugfs";
  for (LifeSample& each : blind.samples) {
    each.hardware.reset();
  }
  const std::vector<Verdict> verdicts = judge_lifecycle(blind);
  const Verdict slots = find(verdicts, "lifecycle/one-slot-per-xcc");
  EXPECT_EQ(slots.answer, Answer::kUnavailable);
  EXPECT_EQ(slots.reason, "there is no debugfs");
  EXPECT_EQ(find(verdicts, "lifecycle/timeline").answer, Answer::kYes);
  EXPECT_EQ(find(verdicts, "lifecycle/timeline").facts.at(1).second, "5 compute, 2 SDMA");
}

TEST(LifecycleRule, TimelineHasARowForEachLook) {
  const Verdict timeline = find(judge_lifecycle(life()), "lifecycle/timeline");
  EXPECT_EQ(timeline.answer, Answer::kYes);
  EXPECT_EQ(timeline.value, Quantity("0, 5, 0"));
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"T-10 s", "no process; machine: 1 in 4"},
      {"T+5 s", "5 compute, 2 SDMA; 5 descriptors in 20 slots; machine: 6 in 24"},
      {"T+10 s", "5 compute, 2 SDMA; 5 descriptors in 20 slots; machine: 6 in 24"},
      {"T+90 s", "5 compute, 2 SDMA; 5 descriptors in 20 slots; machine: 6 in 24"},
      {"T+105 s", "exited, 0 compute, 0 SDMA left; 0 descriptors in 0 slots; machine: 1 in 4"}};
  EXPECT_EQ(timeline.facts, rows);
}

TEST(LifecycleRule, WhatOutlivesItsProcessIsNoticed) {
  LifeEvidence haunted = life();
  haunted.samples.back().compute = 1;
  EXPECT_EQ(find(judge_lifecycle(haunted), "lifecycle/gone-after-exit").answer, Answer::kNo);
  EXPECT_EQ(find(judge_lifecycle(haunted), "lifecycle/timeline").answer, Answer::kNo);
  EXPECT_EQ(number(find(judge_lifecycle(haunted), "lifecycle/timeline"), "left_over"), 1);
  LifeEvidence stale = life();
  stale.samples.back().hardware->slots = 4;
  EXPECT_EQ(find(judge_lifecycle(stale), "lifecycle/gone-after-exit").answer, Answer::kYes);
  EXPECT_EQ(find(judge_lifecycle(stale), "lifecycle/timeline").answer, Answer::kNo);
}

}  // namespace
}  // namespace gpreempt::experiments
