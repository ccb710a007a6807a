// Goal: the policies that measure time act at the very instants that their descriptions name.
// Method: Online turns busy and idle at known instants; the scheduler is stepped at these and at
// the deadlines it asks for, as `drive` does.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/timetable.h"

namespace gpreempt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(LingerPolicyTest, ResumesWhenTheHoldIsOver) {
  Timetable table("linger:hold=5ms");
  table.born(0);
  table.busy(10);
  table.idle(12);
  EXPECT_THAT(table.until(100), ElementsAre("10ms suspend online-busy", "17ms run no-online-work"));
}

TEST(LingerPolicyTest, WorkDuringTheHoldCostsNoPreemption) {
  Timetable table("linger:hold=5ms");
  table.born(0);
  table.busy(10);
  table.idle(12);
  table.busy(16);
  table.idle(18);
  EXPECT_THAT(table.until(100), ElementsAre("10ms suspend online-busy", "23ms run no-online-work"));
}

TEST(LingerPolicyTest, WorkAfterTheHoldPreemptsAgain) {
  Timetable table("linger:hold=5ms");
  table.born(0);
  table.busy(10);
  table.idle(12);
  table.busy(18);
  EXPECT_THAT(table.until(100), ElementsAre("10ms suspend online-busy", "17ms run no-online-work",
                                            "18ms suspend online-busy"));
}

TEST(LingerPolicyTest, HoldsForFiveMillisecondsByDefault) {
  Timetable table("linger");
  table.born(0);
  table.busy(10);
  table.idle(20);
  EXPECT_THAT(table.until(100), ElementsAre("10ms suspend online-busy", "25ms run no-online-work"));
}

TEST(LingerPolicyTest, WithoutAHoldItIsStrict) {
  Timetable table("linger:hold=0ms");
  table.born(0);
  table.busy(10);
  table.idle(12);
  EXPECT_THAT(table.until(100), ElementsAre("10ms suspend online-busy", "12ms run no-online-work"));
}

TEST(LingerPolicyTest, HoldsOffNobodyThatRuns) {
  Timetable table("linger:hold=50ms");
  table.busy(10);
  table.idle(12);
  table.born(20);
  EXPECT_THAT(table.until(100), IsEmpty());
}

TEST(SlicePolicyTest, ResumesWhenOnlineFinishes) {
  Timetable table("slice:slice=20ms,gap=5ms");
  table.born(0);
  table.busy(10);
  table.idle(18);
  EXPECT_THAT(table.until(100), ElementsAre("10ms suspend online-busy", "18ms run no-online-work"));
}

TEST(SlicePolicyTest, ResumesWhenTheSliceEndsAndPreemptsAgainAfterTheGap) {
  Timetable table("slice:slice=20ms,gap=5ms");
  table.born(0);
  table.busy(10);
  EXPECT_THAT(table.until(60), ElementsAre("10ms suspend online-busy", "30ms run slice-ended",
                                           "35ms suspend online-busy", "55ms run slice-ended",
                                           "60ms suspend online-busy"));
  table.idle(61);
  EXPECT_THAT(table.until(100), ElementsAre("61ms run no-online-work"));
}

TEST(SlicePolicyTest, RunsForTheGapBeforeTheNextPreemption) {
  Timetable table("slice:slice=20ms,gap=5ms");
  table.born(0);
  table.busy(10);
  table.idle(18);
  table.busy(20);
  EXPECT_THAT(table.until(40), ElementsAre("10ms suspend online-busy", "18ms run no-online-work",
                                           "23ms suspend online-busy"));
}

TEST(SlicePolicyTest, WorkThatEndsWithinTheGapCostsNoPreemption) {
  Timetable table("slice:slice=20ms,gap=5ms");
  table.born(0);
  table.busy(10);
  table.idle(18);
  table.busy(20);
  table.idle(22);
  EXPECT_THAT(table.until(40), ElementsAre("10ms suspend online-busy", "18ms run no-online-work"));
}

TEST(SlicePolicyTest, NewMemberRunsForTheGapFirst) {
  Timetable table("slice:slice=20ms,gap=5ms");
  table.busy(1);
  table.born(10);
  EXPECT_THAT(table.until(20), ElementsAre("15ms suspend online-busy"));
}

TEST(SlicePolicyTest, SliceIs20MillisecondsAndGapFiveByDefault) {
  Timetable table("slice");
  table.born(0);
  table.busy(10);
  EXPECT_THAT(table.until(40), ElementsAre("10ms suspend online-busy", "30ms run slice-ended",
                                           "35ms suspend online-busy"));
}

}  // namespace
}  // namespace gpreempt
