// Goal: the policies say what their descriptions say, and wrong specs are explained.
// Method: hand-made views.

#include "core/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/decision.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/unit/core/scheduler_rig.h"

namespace gpreempt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::array<GpuId, 1> kOnA{kGpuA};

TenantView online(std::uint32_t id, std::uint32_t priority, bool busy) {
  return {.id = TenantId(id),
          .cls = TenantClass::kOnline,
          .priority = priority,
          .busy = busy,
          .busy_since = {},
          .idle_since = {},
          .gpus = {}};
}

TenantView offline(std::uint32_t id, std::uint32_t priority) {
  return {.id = TenantId(id),
          .cls = TenantClass::kOffline,
          .priority = priority,
          .busy = false,
          .busy_since = {},
          .idle_since = {},
          .gpus = {}};
}

MemberView member(std::uint32_t tenant, GpuId gpu) {
  return {.tenant = TenantId(tenant),
          .tenant_index = tenant,
          .gpu = gpu,
          .current = Verdict::kRun,
          .since = {}};
}

std::vector<Want> ask(std::string_view name, const std::vector<TenantView>& tenants,
                      const std::vector<MemberView>& members) {
  const std::unique_ptr<Policy> policy = make_policy(name).value();
  std::vector<MemberNotes> notes(members.size());
  PolicyState state{.words = {}, .members = notes};
  std::vector<Want> wants(members.size());
  const Instant again =
      policy->decide({.tenants = tenants, .members = members}, instant_from_ns(5), state, wants);
  EXPECT_EQ(again, kForever);
  return wants;
}

TEST(PolicyTest, NoneLetsEveryMemberRun) {
  const auto wants = ask("none", {online(0, 9, true), offline(1, 0)}, {member(1, kGpuA)});
  EXPECT_EQ(wants[0].verdict, Verdict::kRun);
  EXPECT_EQ(wants[0].reason, Reason::kPolicyNeverActs);
}

TEST(PolicyTest, SuspendTurnsOffMembersUnderABusyTenant) {
  const auto wants = ask("suspend", {online(0, 9, true), offline(1, 0)}, {member(1, kGpuA)});
  EXPECT_EQ(wants[0].verdict, Verdict::kSuspend);
  EXPECT_EQ(wants[0].reason, Reason::kOnlineBusy);
  EXPECT_EQ(wants[0].cause, TenantId(0));
}

TEST(PolicyTest, SuspendLetsMembersRunWhileOnlineIsIdle) {
  const auto wants = ask("suspend", {online(0, 9, false), offline(1, 0)}, {member(1, kGpuA)});
  EXPECT_EQ(wants[0].verdict, Verdict::kRun);
  EXPECT_EQ(wants[0].reason, Reason::kNoOnlineWork);
  EXPECT_EQ(wants[0].cause, TenantId(1));
}

TEST(PolicyTest, SuspendSparesMembersOfEqualOrHigherPriority) {
  const auto wants = ask("suspend", {online(0, 5, true), offline(1, 4), offline(2, 5)},
                         {member(1, kGpuA), member(2, kGpuA)});
  EXPECT_EQ(wants[0].verdict, Verdict::kSuspend);
  EXPECT_EQ(wants[1].verdict, Verdict::kRun);
}

TEST(PolicyTest, SuspendSparesMembersOnOtherGpus) {
  TenantView on_a = online(0, 9, true);
  on_a.gpus = kOnA;
  const auto wants = ask("suspend", {on_a, offline(1, 0)}, {member(1, kGpuA), member(1, kGpuB)});
  EXPECT_EQ(wants[0].verdict, Verdict::kSuspend);
  EXPECT_EQ(wants[1].verdict, Verdict::kRun);
}

TEST(PolicyTest, SuspendBlamesTheFirstBusyTenantThatOutranksTheMember) {
  const auto wants =
      ask("suspend", {online(0, 1, true), online(1, 9, true), offline(2, 5)}, {member(2, kGpuA)});
  EXPECT_EQ(wants[0].cause, TenantId(1));
}

TEST(PolicyTest, SuspendNeedsActivityOnly) {
  const PolicyNeeds needs = make_policy("suspend").value()->needs();
  EXPECT_TRUE(needs.activity);
  EXPECT_FALSE(needs.requests);
  EXPECT_FALSE(needs.deadlines);
  EXPECT_FALSE(make_policy("none").value()->needs().activity);
}

TEST(PolicyNamesTest, ListsThePoliciesThatCanBeMade) {
  EXPECT_THAT(policy_names(),
              ElementsAre("none", "suspend", "linger", "slice", "priority", "timeshare",
                          "loss-budget", "deadline", "break-even", "coalesce", "k-edf", "laxity",
                          "partition", "fair", "mlfq"));
  for (const std::string_view name : policy_names()) {
    EXPECT_EQ(make_policy(name).value()->name(), name);
  }
}

struct BadPolicySpec {
  std::string_view spec;
  std::string_view message;
};

class BadPolicySpecTest : public testing::TestWithParam<BadPolicySpec> {};

TEST_P(BadPolicySpecTest, IsRefusedWithTheReason) {
  const auto policy = make_policy(GetParam().spec);
  ASSERT_FALSE(policy.has_value());
  EXPECT_EQ(policy.error().code, Errc::kInvalidArgument);
  EXPECT_THAT(policy.error().what, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(Specs, BadPolicySpecTest,
                         testing::Values(BadPolicySpec{"suspnd", "did you mean 'suspend'?"},
                                         BadPolicySpec{"earliest-deadline",
                                                       "valid: none, suspend, linger, slice"},
                                         BadPolicySpec{"", "no policy of that name"},
                                         BadPolicySpec{"suspend:hold=3ms", "unknown option 'hold'"},
                                         BadPolicySpec{"none:a=1,b=2", "unknown option 'a'"},
                                         BadPolicySpec{"suspend:hold", "'hold' is not an option"},
                                         BadPolicySpec{"suspend:=3", "'=3' is not an option"},
                                         BadPolicySpec{"suspend:", "write suspend:key=value"},
                                         BadPolicySpec{"linger:hold=5", "its unit is missing"},
                                         BadPolicySpec{"linger:hodl=5ms", "did you mean 'hold'?"},
                                         BadPolicySpec{"linger:hold=5ms,hold=6ms", "given twice"},
                                         BadPolicySpec{"slice:slice=0ms", "longer than zero"},
                                         BadPolicySpec{"slice:gap=0ms", "longer than zero"},
                                         BadPolicySpec{"slice:20ms", "'20ms' is not an option"},
                                         BadPolicySpec{"fair:slice=0ms", "over zero"},
                                         BadPolicySpec{"coalesce:count=0", "at least 1"},
                                         BadPolicySpec{"k-edf:k=0", "nobody would run"},
                                         BadPolicySpec{"k-edf:turn=0s", "would flap"},
                                         BadPolicySpec{"timeshare:online=100%", "0 and 100 %"},
                                         BadPolicySpec{"timeshare:period=1us", "10us to 1h"},
                                         BadPolicySpec{"partition:online=0%", "0 and 100 %"},
                                         BadPolicySpec{"loss-budget:budget=0%", "over 0"},
                                         BadPolicySpec{"loss-budget:window=0s", "1ms to 1h"},
                                         BadPolicySpec{"break-even:factor=0%", "over 0 %"},
                                         BadPolicySpec{"mlfq:boost=20ms", "three quanta"},
                                         BadPolicySpec{"suspend:credit=0/s", "0.001/s"},
                                         BadPolicySpec{"suspend:min-run=5", "unit is missing"}));

}  // namespace
}  // namespace gpreempt
