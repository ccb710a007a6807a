// Goal: a tenant of several processes or GPUs is taken off in the order and the calls that its
// options say, and given back at once; a member that fails or is refused holds nobody up.
// Method: every request is completed by the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/decision.h"
#include "core/event.h"
#include "core/gang_options.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "tests/unit/core/scheduler_rig.h"

namespace gpreempt {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr TargetId kFirst(11);
constexpr TargetId kSecond(12);
constexpr TargetId kThird(13);

SchedulerOptions with(GangOptions gang) {
  SchedulerOptions options;
  options.gang = gang;
  return options;
}

/// An Online tenant over a job of three processes; queue n is of the nth.
void three_ranks(SchedulerRig& rig) {
  rig.tenant(TenantClass::kOnline, 9, {kOnline});
  rig.tenant(TenantClass::kOffline, 1, {kFirst, kSecond, kThird});
  rig.born(1, kFirst);
  rig.born(2, kSecond);
  rig.born(3, kThird);
}

/// The same over one process on three GPUs; queue n is on the nth.
void three_gpus(SchedulerRig& rig) {
  rig.tenant(TenantClass::kOnline, 9, {kOnline});
  rig.tenant(TenantClass::kOffline, 1, {kFirst});
  for (std::uint32_t gpu = 1; gpu <= 3; ++gpu) {
    rig.born(gpu, kFirst, GpuId(100 * gpu));
  }
}

std::vector<std::uint32_t> targets(const Actions& out, ControlKind kind) {
  std::vector<std::uint32_t> result;
  for (const Action& action : out.items) {
    EXPECT_EQ(action.kind, kind);
    result.push_back(action.target.value());
  }
  return result;
}

TEST(SchedulerGangTest, TogetherIsOneCallForEachProcess) {
  SchedulerRig ranks;
  three_ranks(ranks);
  EXPECT_THAT(targets(ranks.busy(), ControlKind::kSuspend), ElementsAre(11, 12, 13));
  SchedulerRig gpus;
  three_gpus(gpus);
  EXPECT_THAT(only_action(gpus.busy(), ControlKind::kSuspend), ElementsAre(1, 2, 3));
}

TEST(SchedulerGangTest, PerGpuIsACallForEachGpuOfAProcess) {
  SchedulerRig rig("suspend", with({.split = GangSplit::kPerGpu}));
  three_gpus(rig);
  EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(1));
  EXPECT_THAT(only_action(rig.complete(kFirst), ControlKind::kSuspend), ElementsAre(2));
  EXPECT_THAT(only_action(rig.complete(kFirst), ControlKind::kSuspend), ElementsAre(3));
  EXPECT_THAT(rig.complete(kFirst).items, IsEmpty());
  EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(1, 2, 3));
}

TEST(SchedulerGangTest, PerGpuDoesNotLetProcessesWaitForEachOther) {
  SchedulerRig rig("suspend", with({.order = GangOrder::kReverse, .split = GangSplit::kPerGpu}));
  three_ranks(rig);
  EXPECT_THAT(targets(rig.busy(), ControlKind::kSuspend), ElementsAre(13, 12, 11));
}

TEST(SchedulerGangTest, OneByOneWaitsForTheOneBefore) {
  SchedulerRig rig("suspend", with({.split = GangSplit::kOneByOne}));
  three_ranks(rig);
  EXPECT_THAT(targets(rig.busy(), ControlKind::kSuspend), ElementsAre(11));
  EXPECT_THAT(targets(rig.complete(kFirst), ControlKind::kSuspend), ElementsAre(12));
  EXPECT_THAT(targets(rig.complete(kSecond), ControlKind::kSuspend), ElementsAre(13));
  EXPECT_THAT(rig.complete(kThird).items, IsEmpty());
  EXPECT_THAT(targets(rig.idle(), ControlKind::kResume), ElementsAre(11, 12, 13));
}

TEST(SchedulerGangTest, ReverseBeginsAtTheLast) {
  SchedulerRig rig("suspend", with({.order = GangOrder::kReverse, .split = GangSplit::kOneByOne}));
  three_ranks(rig);
  EXPECT_THAT(targets(rig.busy(), ControlKind::kSuspend), ElementsAre(13));
  EXPECT_THAT(targets(rig.complete(kThird), ControlKind::kSuspend), ElementsAre(12));
  EXPECT_THAT(targets(rig.complete(kSecond), ControlKind::kSuspend), ElementsAre(11));
}

TEST(SchedulerGangTest, SlowestFirstBeginsWithTheLongestSuspendOfLastTime) {
  SchedulerRig rig("suspend",
                   with({.order = GangOrder::kSlowestFirst, .split = GangSplit::kPerGpu}));
  three_ranks(rig);
  // Never suspended yet: in order. They take 3, 1 and 2 us.
  EXPECT_THAT(targets(rig.busy(), ControlKind::kSuspend), ElementsAre(11, 12, 13));
  rig.complete(kSecond);
  rig.complete(kThird);
  rig.complete(kFirst);
  rig.idle();
  for (const TargetId target : {kFirst, kSecond, kThird}) {
    rig.complete(target);
  }
  EXPECT_THAT(targets(rig.busy(), ControlKind::kSuspend), ElementsAre(11, 13, 12));
}

TEST(SchedulerGangTest, StaggeredLeavesAGapBetweenCalls) {
  SchedulerRig rig("suspend", with({.split = GangSplit::kStaggered, .gap = milliseconds(1)}));
  three_ranks(rig);
  EXPECT_THAT(targets(rig.busy(), ControlKind::kSuspend), ElementsAre(11));
  const Instant first = rig.now;
  EXPECT_THAT(rig.complete(kFirst).items, IsEmpty());
  EXPECT_EQ(rig.scheduler.deadline(), first + milliseconds(1));
  rig.now = first + milliseconds(1) - std::chrono::microseconds(1);
  EXPECT_THAT(targets(rig.feed_nothing(), ControlKind::kSuspend), ElementsAre(12));
  // The next one does not wait for this call's end.
  EXPECT_EQ(rig.scheduler.deadline(), first + milliseconds(2));
  rig.now = first + milliseconds(5);
  EXPECT_THAT(targets(rig.feed_nothing(), ControlKind::kSuspend), ElementsAre(13));
  EXPECT_EQ(rig.scheduler.deadline(), kForever);
}

TEST(SchedulerGangTest, WhoeverHasNotHadItsTurnIsLeftAloneWhenTheReasonFalls) {
  SchedulerRig rig("suspend", with({.split = GangSplit::kOneByOne}));
  three_ranks(rig);
  rig.busy();
  EXPECT_THAT(rig.idle().items, IsEmpty());
  EXPECT_THAT(targets(rig.complete(kFirst), ControlKind::kResume), ElementsAre(11));
  EXPECT_THAT(rig.complete(kFirst).items, IsEmpty());
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(SchedulerGangTest, ARefusedMemberHoldsNobodyUpAndTriesAgainAtItsNextChange) {
  SchedulerRig rig("suspend", with({.split = GangSplit::kOneByOne}));
  three_ranks(rig);
  rig.busy();
  rig.refuse(kFirst);
  EXPECT_LE(rig.scheduler.deadline(), rig.now);
  EXPECT_THAT(targets(rig.feed_nothing(), ControlKind::kSuspend), ElementsAre(12));
  rig.refuse(kSecond);
  EXPECT_THAT(targets(rig.feed_nothing(), ControlKind::kSuspend), ElementsAre(13));
  rig.refuse(kThird);
  EXPECT_THAT(rig.feed_nothing().items, IsEmpty());
  EXPECT_EQ(rig.scheduler.deadline(), kForever);
  rig.idle();
  EXPECT_THAT(targets(rig.busy(), ControlKind::kSuspend), ElementsAre(11));
}

TEST(SchedulerGangTest, TheDeathOfOneInFlightGivesTheNextItsTurn) {
  SchedulerRig rig("suspend", with({.split = GangSplit::kOneByOne}));
  three_ranks(rig);
  rig.busy();
  EXPECT_THAT(targets(rig.feed(TargetExited{kFirst}), ControlKind::kSuspend), ElementsAre(12));
}

TEST(SchedulerGangTest, HoldKeepsTheOthersOffWhenOneFails) {
  SchedulerRig rig;
  three_ranks(rig);
  rig.busy();
  EXPECT_THAT(targets(rig.complete(kSecond, Outcome::kError), ControlKind::kResume),
              ElementsAre(12));
  rig.complete(kSecond);
  rig.complete(kFirst);
  rig.complete(kThird);
  EXPECT_THAT(targets(rig.idle(), ControlKind::kResume), ElementsAre(11, 13));
  rig.complete(kFirst);
  rig.complete(kThird);
  EXPECT_THAT(targets(rig.busy(), ControlKind::kSuspend), ElementsAre(11, 13));
}

TEST(SchedulerGangTest, ReleaseGivesAllBackWhenOneFailsAndNeverTakesThemOffAgain) {
  SchedulerRig rig("suspend", with({.on_failure = GangFailure::kRelease}));
  three_ranks(rig);
  rig.busy();
  rig.complete(kFirst);
  const Actions& out = rig.complete(kSecond, Outcome::kError);
  EXPECT_THAT(targets(out, ControlKind::kResume), testing::UnorderedElementsAre(11, 12));
  for (const Decision& decision : out.decisions) {
    EXPECT_EQ(decision.reason, Reason::kQuarantine);
    EXPECT_EQ(decision.verdict, Verdict::kRun);
  }
  EXPECT_THAT(targets(rig.complete(kThird), ControlKind::kResume), ElementsAre(13));
  for (const TargetId target : {kFirst, kSecond, kThird}) {
    rig.complete(target);
  }
  rig.idle();
  EXPECT_THAT(rig.busy().items, IsEmpty());
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(SchedulerGangTest, RunsForAWhileBeforeItsRanksWouldGiveUp) {
  SchedulerRig rig;
  rig.tenant(TenantClass::kOnline, 9, {kOnline});
  ASSERT_TRUE(rig.scheduler.add_tenant({.name = "job",
                                        .cls = TenantClass::kOffline,
                                        .priority = 1,
                                        .targets = {kFirst, kSecond},
                                        .stall_limit = seconds(20)}));
  rig.born(1, kFirst);
  rig.born(2, kSecond);
  rig.busy();
  const Instant off = rig.now;
  rig.complete(kFirst);
  rig.complete(kSecond);
  // Half of the limit.
  EXPECT_EQ(rig.scheduler.deadline(), off + seconds(10));
  rig.now = off + seconds(10);
  EXPECT_THAT(targets(rig.feed_nothing(), ControlKind::kResume), ElementsAre(11, 12));
  EXPECT_EQ(rig.out.decisions.at(0).reason, Reason::kStallLimit);
  const Instant on = rig.now;
  rig.complete(kFirst);
  rig.complete(kSecond);
  // A hundredth of it; then the reason, which still stands, has its way.
  EXPECT_EQ(rig.scheduler.deadline(), on + milliseconds(200));
  rig.now = on + milliseconds(200);
  EXPECT_THAT(targets(rig.feed_nothing(), ControlKind::kSuspend), ElementsAre(11, 12));
  EXPECT_EQ(rig.scheduler.deadline(), rig.now + seconds(10));
}

TEST(SchedulerGangTest, CountsTheTimeInWhichAnyOfItsRanksIsOff) {
  SchedulerRig rig;
  constexpr TargetId kElsewhere(2);
  rig.tenant(TenantClass::kOnline, 9, {kOnline});
  rig.tenant(TenantClass::kOnline, 9, {kElsewhere});
  rig.born(91, kOnline, kGpuA);
  rig.born(92, kElsewhere, kGpuB);
  ASSERT_TRUE(rig.scheduler.add_tenant({.name = "job",
                                        .cls = TenantClass::kOffline,
                                        .priority = 1,
                                        .targets = {kFirst, kSecond},
                                        .stall_limit = seconds(20)}));
  rig.born(1, kFirst, kGpuA);
  rig.born(2, kSecond, kGpuB);
  rig.busy();
  const Instant off = rig.now;
  rig.complete(kFirst);
  rig.now += seconds(6);
  rig.busy(kElsewhere);
  rig.complete(kSecond);
  rig.idle();  // the first rank runs again, the second one does not
  rig.complete(kFirst);
  EXPECT_EQ(rig.scheduler.deadline(), off + seconds(10));
}

}  // namespace
}  // namespace gpreempt
