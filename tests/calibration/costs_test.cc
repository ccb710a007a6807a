// Goal: each observation is made of the costs that docs/model.md says, and what the formulas are
// not for is left out. Method: one sample, its terms by hand.
#include "calibration/costs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "calibration/sample.h"

namespace gpreempt::calibration {
namespace {

/// A job of two queues with 320 waves, a heartbeat of 4, and 5 idle queues of a third process.
CallSample busy() {
  CallSample sample;
  sample.place = "busy";
  sample.xccs = 4;
  sample.queues = 2;
  sample.processes = 3;
  sample.others = 6;
  sample.waves = 320;
  sample.other_waves = 4;
  sample.grace_units = 1;
  sample.longest_grace_ns = 127'500;  // 2 GHz
  sample.suspend_ns = 100'000;
  sample.resume_ns = 90'000;
  sample.suspend_bytes = 10'008'704;
  sample.resume_bytes = 8'704;
  sample.suspend_gap_ns = 300'000;
  sample.stamps = SaveStamps{.save_start = 1'000'000,
                             .save_end = 1'006'000,
                             .restore_start = 9'000'000,
                             .restore_end = 9'012'000};
  return sample;
}

Setup local() { return {.areas = {{"busy", Area::kLocal}}}; }

const Equation& of(const std::vector<Equation>& equations, Seen seen) {
  const auto found = std::ranges::find(equations, seen, &Equation::seen);
  EXPECT_NE(found, equations.end()) << to_string(seen);
  return found == equations.end() ? equations.front() : *found;
}

TEST(EquationsOf, ASuspendHasUnmapSaveBuildAndCopy) {
  const std::vector<Equation> equations = equations_of(busy(), local());
  ASSERT_EQ(equations.size(), 5U);
  const Costs terms = of(equations, Seen::kSuspend).terms;
  Costs expected{};
  at(expected, Cost::kIoctl) = 2;  // a snapshot of the queues goes before it
  for (const Cost once :
       {Cost::kHiq, Cost::kStop, Cost::kFence, Cost::kUnmodelled, Cost::kBuild, Cost::kCopy}) {
    at(expected, once) = 1;
  }
  at(expected, Cost::kGrace) = 1.0 / 64;
  at(expected, Cost::kSaveByte) = 10.008704;
  at(expected, Cost::kBuildEntry) = 3 + 6;
  at(expected, Cost::kCopyEntry) = 2 * 4;
  EXPECT_EQ(terms, expected);
}

TEST(EquationsOf, AResumeHasTheDefaultGraceAndEveryQueue) {
  const Costs terms = of(equations_of(busy(), local()), Seen::kResume).terms;
  EXPECT_EQ(at(terms, Cost::kGrace), 1);
  EXPECT_EQ(at(terms, Cost::kBuildEntry), 3 + 6 + 2);
  EXPECT_EQ(at(terms, Cost::kCopy), 0);
  EXPECT_DOUBLE_EQ(at(terms, Cost::kSaveByte), 0.008704);
}

TEST(EquationsOf, AGapHasNoCallAndNoCopyButTheMap) {
  const Equation gap = of(equations_of(busy(), local()), Seen::kGap);
  EXPECT_EQ(at(gap.terms, Cost::kIoctl), 0);
  EXPECT_EQ(at(gap.terms, Cost::kHiq), 0);
  EXPECT_EQ(at(gap.terms, Cost::kCopy), 0);
  EXPECT_EQ(at(gap.terms, Cost::kMapProcess), 3);
  EXPECT_EQ(at(gap.terms, Cost::kMapQueue), 6);
  EXPECT_EQ(at(gap.terms, Cost::kDequeue), 6);
  // One wave on each XCC, 32 clocks at 2 GHz.
  EXPECT_DOUBLE_EQ(gap.known_ns, 16);
}

TEST(EquationsOf, AResumeOfAnEmptyGpuOnlyBuilds) {
  CallSample sample = busy();
  sample.others = 0;
  sample.processes = 1;
  sample.other_waves = 0;
  sample.resume_bytes = 0;
  const Costs terms = of(equations_of(sample, local()), Seen::kResumeOfEmpty).terms;
  Costs expected{};
  at(expected, Cost::kIoctl) = 1;
  at(expected, Cost::kBuild) = 1;
  at(expected, Cost::kBuildEntry) = 1 + 2;
  EXPECT_EQ(terms, expected);
}

TEST(EquationsOf, StampsAreOfTheHostsClock) {
  gpreempt::calibration::Setup setup = local();
  setup.gpu_clock_rate = 2;
  EXPECT_EQ(of(equations_of(busy(), setup), Seen::kSave).seen_ns, 3'000);
  // 81 waves on the busiest XCC.
  const Equation restore = of(equations_of(busy(), setup), Seen::kRestore);
  EXPECT_EQ(restore.seen_ns, 6'000);
  EXPECT_DOUBLE_EQ(restore.known_ns, 81 * 16);
}

TEST(EquationsOf, OverTheBusOnlyTheProcesssBytesShow) {
  const gpreempt::calibration::Setup setup{.areas = {{"busy", Area::kSystem}}};
  const Costs terms = of(equations_of(busy(), setup), Seen::kSave).terms;
  EXPECT_EQ(at(terms, Cost::kSystemByte), 10);
  EXPECT_EQ(at(terms, Cost::kSaveByte), 0);
}

TEST(EquationsOf, AGapOfALongerGraceIsNotUsed) {
  CallSample sample = busy();
  sample.grace_units = std::nullopt;
  const std::vector<Equation> equations = equations_of(sample, local());
  EXPECT_TRUE(std::ranges::none_of(equations,
                                   [](const Equation& each) { return each.seen == Seen::kGap; }));
}

TEST(EquationsOf, SamplesThatTheFormulasAreNotForHaveNone) {
  CallSample first = busy();
  first.first = true;
  CallSample two_gpus = busy();
  two_gpus.gpus = 2;
  CallSample drained = busy();
  drained.suspend_bytes = 0;
  CallSample beat_is_over = busy();
  beat_is_over.resume_bytes = 0;
  CallSample elsewhere = busy();
  elsewhere.place = "elsewhere";
  for (const CallSample& sample : {first, two_gpus, drained, beat_is_over, elsewhere}) {
    EXPECT_TRUE(equations_of(sample, local()).empty());
  }
}

TEST(AreasOf, TellsABusFromAMemoryByItsRate) {
  CallSample fast = busy();  // 10 MB in 6 us: 1.7 TB/s
  CallSample slow = busy();
  slow.place = "slow";
  slow.stamps->save_end = slow.stamps->save_start + 280'000;  // 36 GB/s
  CallSample unknown = busy();
  unknown.place = "unknown";
  unknown.stamps = std::nullopt;
  const std::vector<CallSample> samples = {fast, slow, unknown};
  const auto areas = areas_of(samples);
  EXPECT_EQ(areas.size(), 2U);
  EXPECT_EQ(areas.at("busy"), Area::kLocal);
  EXPECT_EQ(areas.at("slow"), Area::kSystem);
}

}  // namespace
}  // namespace gpreempt::calibration
