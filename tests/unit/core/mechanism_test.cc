// Goal: each mechanism means the controls that its description names, and wrong specs are
// explained. Method: the controls are compared with the rules of UPDATE_QUEUE, SET_CU_MASK and
// XSched's levels; the scheduler is stepped under a mechanism that needs arming.

#include "core/mechanism.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "tests/unit/core/scheduler_rig.h"

namespace gpreempt {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const BackendInfo kInfo{.driver = "d",
                        .gpus = {{.id = kGpuA, .xccs = 4, .cus = 80, .hqd_slots = 24}},
                        .controls = {},
                        .watch = {}};

Control off(std::string_view spec, const BackendInfo& info = kInfo) {
  return take_off(make_mechanism(spec).value(), 3ms, 2s, info);
}
Control on(std::string_view spec) { return give_back(make_mechanism(spec).value()); }

TEST(MechanismTest, IsSuspendQueuesUnlessAnotherIsChosen) {
  EXPECT_EQ(Mechanism{}.kind, make_mechanism("suspend-queues").value().kind);
  EXPECT_EQ(label_of(Mechanism{}), "suspend-queues");
}

TEST(MechanismTest, CarriesGraceAndLeaseIntoASuspend) {
  const auto suspend = std::get<Suspend>(off("suspend-queues"));
  EXPECT_EQ(suspend.grace, std::optional<Duration>(3ms));
  EXPECT_EQ(suspend.lease, Duration(2s));
  EXPECT_TRUE(std::holds_alternative<Resume>(on("suspend-queues")));
}

TEST(MechanismTest, EveryOneCanBeMadeAndItsRestrictionCarriesTheLease) {
  for (const MechanismEntry& entry : mechanisms()) {
    const Control control = off(entry.name);
    EXPECT_EQ(lease_of(control), Duration(2s)) << entry.name;
    EXPECT_EQ(kind_of(control), entry.takes_off) << entry.name;
    EXPECT_EQ(kind_of(on(entry.name)), entry.gives_back) << entry.name;
    EXPECT_FALSE(stops_work(on(entry.name))) << entry.name;
  }
}

TEST(MechanismTest, DefaultsAreThoseOfItsOptions) {
  for (const MechanismEntry& entry : mechanisms()) {
    if (entry.options.empty()) {
      continue;
    }
    const auto written = make_mechanism(std::string(entry.name) + ":" + std::string(entry.options));
    ASSERT_TRUE(written) << written.error().what;
    const Mechanism plain = make_mechanism(entry.name).value();
    EXPECT_EQ(written->level, plain.level);
    EXPECT_DOUBLE_EQ(written->share, plain.share);
    EXPECT_EQ(written->in_flight, plain.in_flight);
    EXPECT_EQ(written->batch, plain.batch);
  }
}

TEST(MechanismTest, QueuePercentSwitchesBetweenZeroAndAHundred) {
  EXPECT_EQ(std::get<Percentage>(off("queue-percent")).percent, 0U);
  EXPECT_EQ(std::get<Percentage>(on("queue-percent")).percent, 100U);
}

TEST(MechanismTest, PriorityGoesBackToTheQueuesOwn) {
  EXPECT_EQ(std::get<Priority>(off("priority")).level, 0U);
  EXPECT_EQ(std::get<Priority>(off("priority:level=3")).level, 3U);
  EXPECT_EQ(std::get<Priority>(on("priority")).level, std::nullopt);
}

TEST(MechanismTest, SigstopIsEndedBySigcont) {
  EXPECT_EQ(std::get<Signal>(off("sigstop")).number, SIGSTOP);
  EXPECT_EQ(std::get<Signal>(on("sigstop")).number, SIGCONT);
}

TEST(MechanismTest, ThrottleStopsLaunchingAndThenLimitsItAgain) {
  EXPECT_EQ(std::get<Throttle>(off("launch-throttle:k=6,b=2")).in_flight, 0U);
  const auto limit = std::get<Throttle>(on("launch-throttle:k=6,b=2"));
  EXPECT_EQ(limit.in_flight, 6U);
  EXPECT_EQ(limit.batch, 2U);
  EXPECT_EQ(limit.lease, Duration::zero());
}

/// CUs that a mask leaves on each XCC: bit b belongs to XCC b modulo their number.
std::vector<int> cus_of(const CuMask& mask, std::uint32_t xccs) {
  std::vector<int> cus(xccs);
  for (std::uint32_t bit = 0; bit < 32 * mask.words.size(); ++bit) {
    cus[bit % xccs] += static_cast<int>((mask.words[bit / 32] >> (bit % 32)) & 1U);
  }
  return cus;
}

TEST(MechanismTest, CuMaskLeavesItsShareOfEveryXcc) {
  EXPECT_THAT(cus_of(std::get<CuMask>(off("cu-mask")), 4), ElementsAre(5, 5, 5, 5));
  EXPECT_THAT(cus_of(std::get<CuMask>(off("cu-mask:share=60%")), 4), ElementsAre(12, 12, 12, 12));
  EXPECT_THAT(std::get<CuMask>(on("cu-mask")).words, IsEmpty());
}

TEST(MechanismTest, CuMaskLeavesAtLeastOneCuOfEveryXcc) {
  EXPECT_THAT(cus_of(std::get<CuMask>(off("cu-mask:share=0.01%")), 4), ElementsAre(1, 1, 1, 1));
}

TEST(MechanismTest, CuMaskIsRefusedForGpusThatDiffer) {
  BackendInfo mixed = kInfo;
  mixed.gpus.push_back({.id = kGpuB, .xccs = 8, .cus = 304, .hqd_slots = 24});
  const auto checked = check_mechanism(make_mechanism("cu-mask").value(), mixed);
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().code, Errc::kUnsupported);
  EXPECT_TRUE(check_mechanism(make_mechanism("priority").value(), mixed));
}

TEST(MechanismTest, IsRefusedWithTheBackendsReason) {
  BackendInfo info = kInfo;
  info.controls.at(static_cast<std::size_t>(ControlKind::kReset)) = "no reset here";
  const auto checked = check_mechanism(make_mechanism("reset").value(), info);
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().code, Errc::kUnsupported);
  EXPECT_THAT(checked.error().what, HasSubstr("no reset here"));
}

TEST(MechanismTest, WhatGivesBackMustBeOfferedToo) {
  BackendInfo info = kInfo;
  info.controls.at(static_cast<std::size_t>(ControlKind::kResume)) = "no resume here";
  EXPECT_FALSE(check_mechanism(make_mechanism("kernel-boundary").value(), info));
}

TEST(MechanismTest, HypotheticalOneSaysSoWhereverItIsShown) {
  const Mechanism mechanism = make_mechanism("selective-unmap").value();
  EXPECT_EQ(label_of(mechanism), "selective-unmap (hypothetical)");
  BackendInfo info = kInfo;
  info.controls.at(static_cast<std::size_t>(ControlKind::kSelectiveUnmap)) = "no";
  EXPECT_THAT(check_mechanism(mechanism, info).error().what, HasSubstr("(hypothetical)"));
}

struct BadMechanismSpec {
  std::string_view spec;
  std::string_view message;
};

class BadMechanismSpecTest : public testing::TestWithParam<BadMechanismSpec> {};

TEST_P(BadMechanismSpecTest, IsRefusedWithTheReason) {
  const auto mechanism = make_mechanism(GetParam().spec);
  ASSERT_FALSE(mechanism.has_value());
  EXPECT_EQ(mechanism.error().code, Errc::kInvalidArgument);
  EXPECT_THAT(mechanism.error().what, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Specs, BadMechanismSpecTest,
    testing::Values(BadMechanismSpec{"suspend-queue", "did you mean 'suspend-queues'?"},
                    BadMechanismSpec{"", "no name"},
                    BadMechanismSpec{"suspend-queues:k=8", "takes no options"},
                    BadMechanismSpec{"priority:level=16", "0 to 15"},
                    BadMechanismSpec{"cu-mask:share=0%", "more than 0%"},
                    BadMechanismSpec{"cu-mask:share=100%", "less than 100%"},
                    BadMechanismSpec{"cu-mask:share=25", "unit is missing"},
                    BadMechanismSpec{"launch-throttle:k=0", "1 <= b <= k"},
                    BadMechanismSpec{"launch-throttle:k=4,b=5", "1 <= b <= k"},
                    BadMechanismSpec{"launch-throttle:b=0", "1 <= b <= k"},
                    BadMechanismSpec{"launch-throttle:8,4", "has no '='"},
                    BadMechanismSpec{"launch-throttle:j=4", "unknown option 'j'"}));

// ---- a mechanism that restricts queues also while they are on

SchedulerRig throttled() {
  return SchedulerRig("suspend", {.mechanism = make_mechanism("launch-throttle").value()});
}

TEST(ArmingTest, NewQueueIsGivenTheGpuBeforeAnythingElse) {
  SchedulerRig rig = throttled();
  rig.tenant(TenantClass::kOnline, 9, {kOnline});
  rig.tenant(TenantClass::kOffline, 1, {kOffline});
  EXPECT_THAT(only_action(rig.born(1, kOffline), ControlKind::kResume), ElementsAre(1));
  EXPECT_FALSE(rig.scheduler.quiescent());
  rig.complete(kOffline);
  EXPECT_TRUE(rig.scheduler.quiescent());
  EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(1));
  rig.complete(kOffline);
  EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(1));
}

TEST(ArmingTest, QueueBornWhileOnlineWorksIsTakenOffAtOnce) {
  SchedulerRig rig = throttled();
  rig.small_world();
  rig.complete(kOffline);
  rig.busy();
  rig.complete(kOffline);
  EXPECT_THAT(only_action(rig.born(2, kOffline), ControlKind::kSuspend), ElementsAre(2));
  rig.complete(kOffline);
  EXPECT_THAT(only_action(rig.idle(), ControlKind::kResume), ElementsAre(1, 2));
}

TEST(ArmingTest, RefusedArmingLeavesTheQueueToBeTakenOff) {
  SchedulerRig rig = throttled();
  rig.small_world();
  rig.refuse(kOffline);
  EXPECT_THAT(only_action(rig.busy(), ControlKind::kSuspend), ElementsAre(1));
}

TEST(ArmingTest, QueueOfAnOnlineTenantIsLeftAlone) {
  SchedulerRig rig = throttled();
  rig.tenant(TenantClass::kOnline, 9, {kOnline});
  EXPECT_THAT(rig.born(1, kOnline).items, IsEmpty());
  EXPECT_TRUE(rig.scheduler.quiescent());
}

TEST(ArmingTest, OtherMechanismsLeaveANewQueueAlone) {
  for (const MechanismEntry& entry : mechanisms()) {
    SchedulerRig rig("suspend", {.mechanism = make_mechanism(entry.name).value()});
    rig.tenant(TenantClass::kOffline, 1, {kOffline});
    const bool arms = entry.kind == MechanismKind::kLaunchThrottle;
    EXPECT_EQ(rig.born(1, kOffline).items.size(), arms ? 1U : 0U) << entry.name;
  }
}

}  // namespace
}  // namespace gpreempt
