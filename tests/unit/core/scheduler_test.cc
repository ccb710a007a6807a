// Goal: who is suspended when, why, and what is recorded about it.
// Method: events by hand on a scheduler with the `suspend` policy; the test plays the backend.

#include "core/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mechanism.h"
#include "core/policy.h"
#include "core/time.h"
#include "tests/unit/core/scheduler_rig.h"

namespace gpreempt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SchedulerTest, SuspendsWhenOnlineTurnsBusyAndResumesWhenItTurnsIdle) {
  SchedulerRig rig;
  rig.small_world();
  EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(1));
  EXPECT_THAT(rig.complete(kOffline).items, IsEmpty());
  EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(1));
  rig.complete(kOffline);
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(SchedulerTest, NeverActsUnderThePolicyNone) {
  SchedulerRig rig("none");
  rig.small_world();
  EXPECT_THAT(rig.busy().items, IsEmpty());
  EXPECT_THAT(rig.out.decisions, IsEmpty());
}

TEST(SchedulerTest, SuspendsInternalQueuesButNeverSdma) {
  SchedulerRig rig;
  rig.small_world();
  QueueInfo internal = queue_info(2, kOffline, kGpuA);
  internal.role = QueueRole::kInternal;
  QueueInfo sdma = queue_info(3, kOffline, kGpuA);
  sdma.type = QueueType::kSdma;
  sdma.role = QueueRole::kSdma;
  rig.feed(QueueBorn{internal});
  rig.feed(QueueBorn{sdma});
  EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(1, 2));
}

TEST(SchedulerTest, MergesTheGpusOfATargetIntoOneRequest) {
  SchedulerRig rig;
  rig.small_world();
  rig.born(2, kOffline, kGpuB);
  EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(1, 2));
  EXPECT_EQ(rig.out.decisions.size(), 2U);
}

TEST(SchedulerTest, LeavesMembersOnGpusWhereOnlineIsAbsent) {
  SchedulerRig rig;
  rig.small_world();
  rig.born(2, kOffline, kGpuB);
  rig.born(50, kOnline, kGpuB);
  EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(2));
}

TEST(SchedulerTest, FollowsOnlineToANewGpu) {
  SchedulerRig rig;
  rig.small_world();
  rig.born(50, kOnline, kGpuB);
  rig.busy();
  EXPECT_THAT(only_action(rig.born(51, kOnline, kGpuA), ControlKind::kSuspend), ElementsAre(1));
  rig.complete(kOffline);
  EXPECT_THAT(only_action(rig.feed(QueueGone{kOnline, QueueId(51)}), ControlKind::kResume),
              ElementsAre(1));
}

TEST(SchedulerTest, StaysBusyUntilEveryHintedRequestIsFinished) {
  SchedulerRig rig;
  rig.small_world();
  rig.feed(WorkArrived{kOnline, 1});
  rig.complete(kOffline);
  rig.feed(WorkArrived{kOnline, 2});
  EXPECT_THAT(rig.feed(WorkFinished{kOnline, 1}).items, IsEmpty());
  EXPECT_THAT(only_action(rig.feed(WorkFinished{kOnline, 2}), ControlKind::kResume),
              ElementsAre(1));
}

TEST(SchedulerTest, IgnoresWorkThatFinishesWithoutHavingArrived) {
  SchedulerRig rig;
  rig.small_world();
  rig.feed(WorkFinished{kOnline, 7});
  EXPECT_THAT(only_action(rig.feed(WorkArrived{kOnline, 8}), ControlKind::kSuspend),
              ElementsAre(1));
}

TEST(SchedulerTest, CountsATenantBusyWhileAnyTargetIs) {
  SchedulerRig rig;
  const TargetId second(2);
  rig.tenant(TenantClass::kOnline, 9, {kOnline, second});
  rig.tenant(TenantClass::kOffline, 1, {kOffline});
  rig.born(1, kOffline);
  rig.busy(kOnline);
  rig.busy(second);
  rig.complete(kOffline);
  EXPECT_THAT(rig.idle(kOnline).items, IsEmpty());
  EXPECT_THAT(only_action(rig.idle(second), ControlKind::kResume), ElementsAre(1));
}

TEST(SchedulerTest, ClearsTheWorkOfAnOnlineTargetThatExits) {
  SchedulerRig rig;
  rig.small_world();
  rig.feed(WorkArrived{kOnline, 1});
  rig.complete(kOffline);
  EXPECT_THAT(only_action(rig.feed(TargetExited{kOnline}), ControlKind::kResume), ElementsAre(1));
}

// As when it executes another program in the middle of a request.
TEST(SchedulerTest, ForgetsTheWorkOfAnOnlineTargetThatHasNoQueueAnyMore) {
  for (const char* policy : {"suspend", "k-edf", "laxity", "deadline"}) {
    SchedulerRig rig(policy);
    ASSERT_TRUE(rig.scheduler.add_tenant({.name = "service",
                                          .cls = TenantClass::kOnline,
                                          .priority = 9,
                                          .targets = {kOnline},
                                          .promise = std::chrono::nanoseconds(1)}));
    rig.tenant(TenantClass::kOffline, 1, {kOffline});
    rig.born(1, kOffline);
    rig.born(2, kOnline);
    rig.born(3, kOnline);
    rig.feed(WorkArrived{kOnline, 1});
    ASSERT_TRUE(rig.in_flight(kOffline)) << policy;
    rig.complete(kOffline);
    EXPECT_THAT(rig.feed(QueueGone{kOnline, QueueId(3)}).items, IsEmpty()) << policy;
    EXPECT_THAT(only_action(rig.feed(QueueGone{kOnline, QueueId(2)}), ControlKind::kResume),
                ElementsAre(1))
        << policy;
    // Its next request counts, and the word of the old one does not.
    rig.complete(kOffline);
    rig.feed(WorkFinished{kOnline, 1});
    EXPECT_THAT(only_action(rig.feed(WorkArrived{kOnline, 2}), ControlKind::kSuspend),
                ElementsAre(1))
        << policy;
  }
}

TEST(SchedulerTest, SparesTenantsOfEqualPriority) {
  SchedulerRig rig;
  rig.tenant(TenantClass::kOnline, 4, {kOnline});
  rig.tenant(TenantClass::kOffline, 4, {kOffline});
  rig.born(1, kOffline);
  EXPECT_THAT(rig.busy().items, IsEmpty());
}

TEST(SchedulerTest, KeepsQueuesAndWorkThatCameBeforeTheTenant) {
  SchedulerRig rig;
  rig.born(1, kOffline);
  rig.busy();
  rig.tenant(TenantClass::kOnline, 9, {kOnline});
  rig.tenant(TenantClass::kOffline, 1, {kOffline});
  EXPECT_LE(rig.scheduler.deadline(), rig.now);
  EXPECT_THAT(only_action(rig.feed_nothing(), ControlKind::kSuspend), ElementsAre(1));
  EXPECT_EQ(rig.scheduler.deadline(), kForever);
}

TEST(SchedulerTest, CountsAQueueOnceThoughItIsReportedTwice) {
  SchedulerRig rig;
  rig.small_world();
  rig.born(1, kOffline);
  EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(1));
}

TEST(SchedulerTest, ResumesAQueueThatArrivesSuspended) {
  SchedulerRig rig;
  rig.small_world();
  QueueInfo left_over = queue_info(2, kOffline, kGpuA);
  left_over.state = QueueState::kSuspended;
  EXPECT_THAT(only_action(rig.feed(QueueBorn{left_over}), ControlKind::kResume), ElementsAre(2));
}

TEST(SchedulerTest, AsksAgainAfterTheAttachForWhatWasRefusedDuringIt) {
  SchedulerRig rig;
  rig.tenant(TenantClass::kOnline, 9, {kOnline});
  rig.tenant(TenantClass::kOffline, 1, {kOffline});
  rig.busy();
  EXPECT_THAT(only_action(rig.born(1, kOffline), ControlKind::kSuspend), ElementsAre(1));
  rig.refuse(kOffline);
  EXPECT_THAT(rig.feed_nothing().items, IsEmpty());
  EXPECT_THAT(
      only_action(rig.feed(AttachDone{.target = kOffline, .error = {}}), ControlKind::kSuspend),
      ElementsAre(1));
  rig.complete(kOffline);
  EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(1));
}

TEST(SchedulerTest, ArmsAQueueThatWasBornDuringTheAttachRightAfterIt) {
  SchedulerOptions options;
  options.mechanism = make_mechanism("launch-throttle:k=4,b=2").value();
  SchedulerRig rig("none", options);
  rig.small_world();
  rig.refuse(kOffline);
  EXPECT_THAT(
      only_action(rig.feed(AttachDone{.target = kOffline, .error = {}}), ControlKind::kResume),
      ElementsAre(1));
  rig.complete(kOffline);
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(SchedulerTest, TurnsToNobodyWhenATargetWithoutWishesIsAttached) {
  SchedulerRig rig;
  rig.small_world();
  EXPECT_THAT(rig.feed(AttachDone{.target = kOffline, .error = {}}).items, IsEmpty());
  EXPECT_THAT(rig.feed(AttachDone{.target = kOnline, .error = {}}).items, IsEmpty());
}

TEST(SchedulerTest, RefusesAPriorityOverFifteen) {
  SchedulerRig rig;
  const auto tenant = rig.scheduler.add_tenant(
      {.name = "guard", .cls = TenantClass::kOnline, .priority = 16, .targets = {}});
  ASSERT_FALSE(tenant.has_value());
  EXPECT_EQ(tenant.error().code, Errc::kInvalidArgument);
  EXPECT_THAT(tenant.error().what, HasSubstr("priority 16"));
}

TEST(SchedulerTest, RefusesATargetThatIsInATenant) {
  SchedulerRig rig;
  rig.small_world();
  for (const std::vector<TargetId>& targets :
       {std::vector{TargetId(40), kOffline}, std::vector{TargetId(40), TargetId(40)}}) {
    const auto tenant = rig.scheduler.add_tenant(
        {.name = "x", .cls = TenantClass::kOffline, .priority = 0, .targets = targets});
    ASSERT_FALSE(tenant.has_value());
    EXPECT_EQ(tenant.error().code, Errc::kInvalidArgument);
  }
  EXPECT_TRUE(rig.scheduler
                  .add_tenant({.name = "x",
                               .cls = TenantClass::kOffline,
                               .priority = 15,
                               .targets = {TargetId(40)}})
                  .has_value());
}

TEST(SchedulerTest, NamesItsTenants) {
  SchedulerRig rig;
  const TenantId id =
      rig.scheduler
          .add_tenant(
              {.name = "training", .cls = TenantClass::kOffline, .priority = 0, .targets = {}})
          .value();
  EXPECT_EQ(rig.scheduler.tenant_name(id), "training");
}

TEST(SchedulerTest, IsTheSameAfterAMove) {
  SchedulerRig rig;
  rig.small_world();
  Scheduler moved = std::move(rig.scheduler);
  rig.scheduler = std::move(moved);
  EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(1));
}

TEST(SchedulerDeathTest, DiesWhenTimeGoesBackwards) {
  SchedulerRig rig;
  rig.small_world();
  EXPECT_DEATH(rig.scheduler.step(nullptr, instant_from_ns(0), rig.out), "now >= last_now");
}

TEST(SchedulerDecisionTest, RecordsVerdictReasonAndCause) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  ASSERT_EQ(rig.out.decisions.size(), 1U);
  const Decision decision = rig.out.decisions[0];
  EXPECT_EQ(decision.sequence, 1U);
  EXPECT_EQ(decision.at, rig.now);
  EXPECT_EQ(decision.tenant, TenantId(1));
  EXPECT_EQ(decision.target, kOffline);
  EXPECT_EQ(decision.gpu, kGpuA);
  EXPECT_EQ(decision.verdict, Verdict::kSuspend);
  EXPECT_EQ(decision.rejected, Verdict::kRun);
  EXPECT_EQ(decision.reason, Reason::kOnlineBusy);
  EXPECT_EQ(decision.cause, TenantId(0));
  EXPECT_EQ(decision.predicted_cost, kUnknownCost);
}

TEST(SchedulerDecisionTest, RealisesTheCostFromIssueToOutcome) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.feed_nothing();
  rig.complete(kOffline);
  ASSERT_EQ(rig.out.realisations.size(), 1U);
  const Realisation realised = rig.out.realisations[0];
  EXPECT_EQ(realised.sequence, 1U);
  EXPECT_EQ(realised.cost, std::chrono::microseconds(2));
  EXPECT_EQ(realised.queues_ok, 1U);
  EXPECT_EQ(realised.queues_failed, 0U);
}

TEST(SchedulerDecisionTest, PredictsTheCostOfTheLastControlOfTheSameKind) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.feed_nothing();
  rig.feed_nothing();
  rig.complete(kOffline);
  rig.idle();
  EXPECT_EQ(rig.out.decisions.at(0).predicted_cost, kUnknownCost);
  rig.complete(kOffline);
  rig.busy();
  EXPECT_EQ(rig.out.decisions.at(0).predicted_cost, std::chrono::microseconds(3));
  rig.complete(kOffline);
  rig.idle();
  EXPECT_EQ(rig.out.decisions.at(0).predicted_cost, std::chrono::microseconds(1));
}

TEST(SchedulerDecisionTest, RealisesASupersededDecisionWhenItsRequestEnds) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.idle();
  rig.complete(kOffline);
  ASSERT_EQ(rig.out.realisations.size(), 1U);
  EXPECT_EQ(rig.out.realisations[0].sequence, 1U);
  rig.complete(kOffline);
  ASSERT_EQ(rig.out.realisations.size(), 1U);
  EXPECT_EQ(rig.out.realisations[0].sequence, 2U);
}

TEST(SchedulerDecisionTest, RecordsALateQueueOfASuspendedMember) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.complete(kOffline);
  EXPECT_THAT(only_action(rig.born(2, kOffline), ControlKind::kSuspend), ElementsAre(2));
  ASSERT_EQ(rig.out.decisions.size(), 1U);
  EXPECT_EQ(rig.out.decisions[0].reason, Reason::kLateQueue);
  EXPECT_EQ(rig.out.decisions[0].verdict, Verdict::kSuspend);
  rig.complete(kOffline);
  EXPECT_EQ(rig.out.realisations.at(0).sequence, 2U);
}

TEST(SchedulerDecisionTest, RecordsNothingForALateSdmaQueue) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  QueueInfo sdma = queue_info(2, kOffline, kGpuA);
  sdma.type = QueueType::kSdma;
  sdma.role = QueueRole::kSdma;
  EXPECT_THAT(rig.feed(QueueBorn{sdma}).decisions, IsEmpty());
}

TEST(SchedulerShutdownTest, ResumesWhatIsSuspendedAndStaysAway) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.complete(kOffline);
  EXPECT_FALSE(rig.scheduler.quiescent());
  EXPECT_THAT(only_action(rig.shut_down(), ControlKind::kResume), ElementsAre(1));
  EXPECT_EQ(rig.out.decisions.at(0).reason, Reason::kShutdown);
  rig.complete(kOffline);
  EXPECT_TRUE(rig.scheduler.quiescent());
  rig.idle();
  EXPECT_THAT(rig.busy().items, IsEmpty());
  EXPECT_THAT(rig.born(2, kOffline).items, IsEmpty());
  EXPECT_EQ(rig.scheduler.deadline(), kForever);
}

TEST(SchedulerShutdownTest, WaitsForASuspendInFlightAndThenResumes) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  EXPECT_THAT(rig.shut_down().items, IsEmpty());
  EXPECT_FALSE(rig.scheduler.quiescent());
  EXPECT_THAT(only_action(rig.complete(kOffline), ControlKind::kResume), ElementsAre(1));
  rig.complete(kOffline);
  EXPECT_TRUE(rig.scheduler.quiescent());
}

}  // namespace
}  // namespace gpreempt
