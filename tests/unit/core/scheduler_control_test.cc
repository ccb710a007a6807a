// Goal: what the scheduler makes of outcomes, refusals, leases and exits.
// Method: events by hand; the test plays the backend.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "tests/unit/core/scheduler_rig.h"

namespace gpreempt {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

TEST(SchedulerOutcomeTest, ForgetsAQueueThatTheDriverDoesNotKnow) {
  SchedulerRig rig;
  rig.small_world();
  rig.born(2, kOffline);
  rig.busy();
  EXPECT_THAT(rig.complete(kOffline, Outcome::kOk, {{1, Outcome::kInvalid}}).items, IsEmpty());
  EXPECT_EQ(rig.out.realisations.at(0).queues_ok, 1U);
  EXPECT_EQ(rig.out.realisations.at(0).queues_failed, 1U);
  EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(2));
}

TEST(SchedulerOutcomeTest, ForgetsAQueueThatIsUnknownAtTheResume) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.complete(kOffline);
  rig.idle();
  EXPECT_THAT(rig.complete(kOffline, Outcome::kInvalid).items, IsEmpty());
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(SchedulerOutcomeTest, ResumesAndQuarantinesAQueueThatFailsToSuspend) {
  SchedulerRig rig;
  rig.small_world();
  rig.born(2, kOffline);
  rig.busy();
  EXPECT_THAT(only_action(rig.complete(kOffline, Outcome::kOk, {{1, Outcome::kError}}),
                          ControlKind::kResume),
              ElementsAre(1));
  ASSERT_EQ(rig.out.decisions.size(), 1U);
  EXPECT_EQ(rig.out.decisions[0].reason, Reason::kQuarantine);
  EXPECT_EQ(rig.out.decisions[0].verdict, Verdict::kRun);
  EXPECT_THAT(rig.complete(kOffline).items, IsEmpty());
  EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(2));
  rig.complete(kOffline);
  EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(2));
}

TEST(SchedulerOutcomeTest, RetriesAFailedResumeUnderTheSameDecision) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.complete(kOffline);
  rig.idle();
  EXPECT_THAT(only_action(rig.complete(kOffline, Outcome::kError), ControlKind::kResume),
              ElementsAre(1));
  EXPECT_THAT(rig.out.realisations, IsEmpty());
  rig.complete(kOffline);
  ASSERT_EQ(rig.out.realisations.size(), 1U);
  EXPECT_EQ(rig.out.realisations[0].sequence, 2U);
  EXPECT_EQ(rig.out.realisations[0].queues_ok, 1U);
  EXPECT_EQ(rig.out.realisations[0].queues_failed, 1U);
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(SchedulerOutcomeTest, GivesUpAQueueAfterThreeFailedResumes) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.complete(kOffline);
  rig.idle();
  rig.complete(kOffline, Outcome::kError);
  rig.complete(kOffline, Outcome::kError);
  EXPECT_THAT(rig.complete(kOffline, Outcome::kError).items, IsEmpty());
  EXPECT_THAT(rig.out.decisions, Contains(Field(&Decision::reason, Reason::kQuarantine)));
  EXPECT_TRUE(rig.scheduler.quiescent());
  EXPECT_THAT(rig.busy().items, IsEmpty());
  EXPECT_THAT(rig.idle().items, IsEmpty());
  EXPECT_THAT(rig.feed(LeaseExpired{kOffline, {QueueId(1)}}).items, IsEmpty());
}

TEST(SchedulerOutcomeTest, DropsATargetWhoseRequestSaysItExited) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.complete(kOffline, Outcome::kError, {},
               Error{.code = Errc::kProcessExited, .sys_errno = 0, .what = "gone"});
  EXPECT_THAT(rig.out.items, IsEmpty());
  EXPECT_TRUE(rig.scheduler.quiescent());
  EXPECT_THAT(rig.born(2, kOffline).items, IsEmpty());
}

TEST(SchedulerOutcomeTest, SplitsMoreQueuesThanTheBackendTakesAtOnce) {
  SchedulerRig rig;
  rig.small_world();
  for (std::uint32_t queue = 2; queue <= 1500; ++queue) {
    rig.born(queue, kOffline);
  }
  EXPECT_EQ(only_action(rig.busy(), ControlKind::kSuspend).size(), 1024U);
  EXPECT_EQ(only_action(rig.complete(kOffline), ControlKind::kSuspend).size(), 476U);
  EXPECT_THAT(rig.out.realisations, IsEmpty());
  rig.complete(kOffline);
  EXPECT_EQ(rig.out.realisations.at(0).queues_ok, 1500U);
}

TEST(SchedulerOutcomeTest, RefusedSuspendLeavesItsQueuesRunningAndUsable) {
  for (const Outcome outcome : {Outcome::kError, Outcome::kInvalid}) {
    SchedulerRig rig;
    rig.small_world();
    EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(1));
    rig.complete(kOffline, outcome, {}, Error{.code = Errc::kBusy, .sys_errno = 0, .what = "no"});
    EXPECT_THAT(rig.out.items, IsEmpty());  // not again at once: it would be refused again
    rig.idle();
    EXPECT_THAT(rig.out.items, IsEmpty());
    EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(1));
    rig.complete(kOffline);
    EXPECT_EQ(rig.out.realisations.at(0).queues_ok, 1U);
    EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(1));
  }
}

TEST(SchedulerOutcomeTest, RefusedResumeIsAskedAgainWhenTheTargetChanges) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.complete(kOffline);
  EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(1));
  rig.complete(kOffline, Outcome::kError, {},
               Error{.code = Errc::kBusy, .sys_errno = 0, .what = "no"});
  EXPECT_THAT(rig.out.items, IsEmpty());
  EXPECT_FALSE(rig.scheduler.quiescent());
  EXPECT_THAT(only_action(rig.born(2, kOffline), ControlKind::kResume), ElementsAre(1));
}

TEST(SchedulerOutcomeDeathTest, DiesWhenAnOutcomeIsMissing) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  const Event done{.at = rig.now,
                   .what = ControlDone{.request = RequestId(1),
                                       .target = kOffline,
                                       .kind = ControlKind::kSuspend,
                                       .issued = rig.now,
                                       .done = rig.now,
                                       .outcomes = {},
                                       .error = {}}};
  EXPECT_DEATH(rig.scheduler.step(&done, rig.now, rig.out), "outcomes");
}

TEST(SchedulerOrderTest, SuspendsBeforeItResumes) {
  SchedulerRig rig;
  const TargetId on_b(2);
  rig.small_world();
  rig.tenant(TenantClass::kOnline, 9, {on_b});
  rig.born(2, kOffline, kGpuB);
  rig.born(50, kOnline, kGpuA);
  rig.born(51, on_b, kGpuB);
  rig.busy(kOnline);
  rig.idle(kOnline);
  rig.busy(on_b);
  EXPECT_THAT(only_action(rig.complete(kOffline), ControlKind::kSuspend), ElementsAre(2));
  EXPECT_THAT(only_action(rig.complete(kOffline), ControlKind::kResume), ElementsAre(1));
}

TEST(SchedulerPresenceTest, LeavesAGpuOnlyWithItsLastQueueThere) {
  SchedulerRig rig;
  rig.small_world();
  rig.born(49, kOnline, kGpuB);
  rig.born(50, kOnline, kGpuA);
  rig.born(51, kOnline, kGpuA);
  rig.busy();
  rig.complete(kOffline);
  EXPECT_THAT(rig.feed(QueueGone{kOnline, QueueId(50)}).items, IsEmpty());
  EXPECT_THAT(only_action(rig.feed(QueueGone{kOnline, QueueId(51)}), ControlKind::kResume),
              ElementsAre(1));
}

TEST(SchedulerOrderTest, ServesTargetsIndependently) {
  SchedulerRig rig;
  const TargetId other(12);
  rig.small_world();
  rig.tenant(TenantClass::kOffline, 2, {other});
  rig.born(2, other);
  EXPECT_EQ(rig.busy().items.size(), 2U);
  rig.complete(other);
  EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(2));
  EXPECT_THAT(only_action(rig.complete(kOffline), ControlKind::kResume), ElementsAre(1));
}

TEST(SchedulerRefusalTest, UndoesARefusedSuspendAndTriesAgainAtTheNextChange) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.refuse(kOffline);
  EXPECT_THAT(rig.feed_nothing().items, IsEmpty());
  EXPECT_THAT(only_action(rig.born(2, kOffline), ControlKind::kSuspend), ElementsAre(1, 2));
}

TEST(SchedulerRefusalTest, TriesAgainWhenAnotherQueueGoes) {
  SchedulerRig rig;
  rig.small_world();
  rig.born(2, kOffline);
  rig.busy();
  rig.refuse(kOffline);
  EXPECT_THAT(only_action(rig.feed(QueueGone{kOffline, QueueId(2)}), ControlKind::kSuspend),
              ElementsAre(1));
}

TEST(SchedulerRefusalTest, NeedsNoResumeAfterARefusedSuspend) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.refuse(kOffline);
  EXPECT_THAT(rig.idle().items, IsEmpty());
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(SchedulerRefusalTest, KeepsAQueueSuspendedAfterARefusedResume) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.complete(kOffline);
  rig.idle();
  rig.refuse(kOffline);
  EXPECT_FALSE(rig.scheduler.quiescent());
  EXPECT_THAT(rig.feed(LeaseExpired{kOffline, {QueueId(1)}}).items, IsEmpty());
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(SchedulerRefusalTest, TriesAgainWhenSomebodyElsesRequestEnds) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.refuse(kOffline);
  const ControlDone foreign{.request = RequestId(9),
                            .target = kOffline,
                            .kind = ControlKind::kPercentage,
                            .issued = rig.now,
                            .done = rig.now,
                            .outcomes = {},
                            .error = {}};
  EXPECT_THAT(only_action(rig.feed(foreign), ControlKind::kSuspend), ElementsAre(1));
}

TEST(SchedulerRefusalTest, IgnoresARefusalForATargetThatIsGone) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.feed(TargetExited{kOffline});
  rig.refuse(kOffline);
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(SchedulerLeaseTest, SuspendsAgainWhileTheReasonStands) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.complete(kOffline);
  EXPECT_THAT(only_action(rig.feed(LeaseExpired{kOffline, {QueueId(1)}}), ControlKind::kSuspend),
              ElementsAre(1));
}

TEST(SchedulerLeaseTest, RenewsASuspensionWhoseLeaseMayHaveEndedInFlight) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.feed(LeaseExpired{kOffline, {QueueId(1)}});
  EXPECT_THAT(only_action(rig.complete(kOffline), ControlKind::kSuspend), ElementsAre(1));
  rig.refuse(kOffline);
  EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(1));
  rig.complete(kOffline);
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(SchedulerLeaseTest, QueueWhoseLeaseEndedUnderARefusedResumeRuns) {
  const Error refused{.code = Errc::kBusy, .sys_errno = 1, .what = "no"};
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.complete(kOffline);
  EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(1));
  rig.feed(LeaseExpired{kOffline, {QueueId(1)}});
  rig.complete(kOffline, Outcome::kError, {}, refused);
  EXPECT_TRUE(rig.scheduler.quiescent());
  // And it is one to suspend when there is a reason again.
  EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(1));
}

TEST(SchedulerLeaseTest, QueueWhoseLeaseEndedUnderARefusedRenewalRuns) {
  const Error refused{.code = Errc::kBusy, .sys_errno = 1, .what = "no"};
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.feed(LeaseExpired{kOffline, {QueueId(1)}});
  rig.complete(kOffline);  // off, or not: it is asked for again
  ASSERT_TRUE(rig.in_flight(kOffline));
  rig.feed(LeaseExpired{kOffline, {QueueId(1)}});
  rig.complete(kOffline, Outcome::kError, {}, refused);
  EXPECT_THAT(rig.idle().items, IsEmpty());
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(SchedulerLeaseTest, IgnoresQueuesItDoesNotKnow) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.complete(kOffline);
  EXPECT_THAT(only_action(rig.feed(LeaseExpired{kOffline, {QueueId(77), QueueId(1), QueueId(78)}}),
                          ControlKind::kSuspend),
              ElementsAre(1));
}

TEST(SchedulerExitTest, KeepsTheMembersOfTheOthersWhenATargetExits) {
  SchedulerRig rig;
  const TargetId other(12);
  rig.small_world();
  rig.tenant(TenantClass::kOffline, 2, {other});
  rig.born(2, other, kGpuA);
  rig.born(3, other, kGpuB);
  rig.busy();
  rig.feed(TargetExited{kOffline});
  rig.complete(other);
  EXPECT_EQ(rig.out.realisations.size(), 2U);
  EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(2, 3));
}

TEST(SchedulerExitTest, IgnoresEverythingOfADeadTarget) {
  SchedulerRig rig;
  rig.small_world();
  rig.busy();
  rig.feed(TargetExited{kOffline});
  rig.complete(kOffline);
  EXPECT_THAT(rig.out.items, IsEmpty());
  rig.feed(TargetExited{kOffline});
  rig.feed(LeaseExpired{kOffline, {QueueId(1)}});
  rig.feed(QueueGone{kOffline, QueueId(1)});
  rig.feed(WorkArrived{kOffline, 1});
  rig.feed(WorkFinished{kOffline, 1});
  rig.feed(ActivityEdge{kOffline, true});
  rig.feed(DetachDone{kOffline});
  EXPECT_THAT(rig.born(5, kOffline).items, IsEmpty());
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(SchedulerExitTest, TreatsAFailedAttachAsAnExit) {
  SchedulerRig rig;
  rig.small_world();
  const Error error{.code = Errc::kNotPermitted, .sys_errno = 1, .what = "no"};
  rig.feed(AttachDone{.target = kOffline, .error = error});
  EXPECT_THAT(rig.busy().items, IsEmpty());
  rig.feed(AttachDone{.target = TargetId(12), .error = {}});
  EXPECT_THAT(rig.out.items, IsEmpty());
}

/// Asks to be called at an instant that has passed.
class HastyPolicy final : public Policy {
 public:
  [[nodiscard]] std::string_view name() const override { return "hasty"; }
  [[nodiscard]] PolicyNeeds needs() const override { return {}; }
  Instant decide(const StateView& view, Instant now, PolicyState& state,
                 std::span<Want> wants) const override {
    ++state.words[0];
    for (std::size_t i = 0; i < wants.size(); ++i) {
      const bool odd = state.words[0] % 2 == 1;
      wants[i] = {.verdict = odd ? Verdict::kSuspend : Verdict::kRun,
                  .reason = odd ? Reason::kOnlineBusy : Reason::kNoOnlineWork,
                  .cause = view.members[i].tenant};
    }
    return now - Duration(5);
  }
};

TEST(SchedulerDeadlineTest, AsksAPolicyAgainAtItsDeadlineAndNeverInThePast) {
  Scheduler scheduler(std::make_unique<HastyPolicy>(), {});
  Actions out;
  ASSERT_TRUE(
      scheduler
          .add_tenant(
              {.name = "t", .cls = TenantClass::kOffline, .priority = 0, .targets = {kOffline}})
          .has_value());
  const Event born{.at = instant_from_ns(10), .what = QueueBorn{queue_info(1, kOffline, kGpuA)}};
  scheduler.step(&born, instant_from_ns(10), out);
  EXPECT_THAT(only_action(out, ControlKind::kSuspend), ElementsAre(1));
  EXPECT_EQ(scheduler.deadline(), instant_from_ns(11));
  scheduler.step(nullptr, instant_from_ns(11), out);
  ASSERT_EQ(out.decisions.size(), 1U);
  EXPECT_EQ(out.decisions[0].verdict, Verdict::kRun);
}

}  // namespace
}  // namespace gpreempt
