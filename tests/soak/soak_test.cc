// Campaigns. Goal: a run follows from its seed, what is wrong with it is found and told, and a
// failing plan is made as small as it still fails.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/fault.h"
#include "soak/campaign.h"
#include "soak/plan.h"
#include "soak/run.h"

namespace gpreempt::soak {
namespace {

constexpr Duration kPatience = std::chrono::minutes(2);

TEST(SoakPlanTest, FollowsFromItsSeed) {
  EXPECT_EQ(describe(draw_plan(7)), describe(draw_plan(7)));
  EXPECT_NE(describe(draw_plan(7)), describe(draw_plan(8)));
}

TEST(SoakPlanTest, HasAJobAServiceAndAPolicyThatActs) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const SoakPlan plan = draw_plan(seed);
    EXPECT_TRUE(std::ranges::any_of(plan.tenants, &TenantPlan::offline)) << seed;
    EXPECT_FALSE(std::ranges::all_of(plan.tenants, &TenantPlan::offline)) << seed;
    EXPECT_NE(plan.policy, "none") << seed;
    EXPECT_TRUE(std::ranges::is_sorted(plan.faults, {}, &WorldFault::at)) << seed;
  }
}

TEST(SoakRunTest, SameSeedGivesTheSameRun) {
  const auto one = run_apart(draw_plan(3), kPatience);
  const auto two = run_apart(draw_plan(3), kPatience);
  ASSERT_TRUE(one);
  ASSERT_TRUE(two);
  EXPECT_EQ(one->suspends, two->suspends);
  EXPECT_EQ(one->struck, two->struck);
  EXPECT_EQ(one->violations, two->violations);
}

TEST(SoakRunTest, RunThatCannotBeginIsAViolation) {
  SoakPlan plan = draw_plan(3);
  plan.personality = "nobody's driver";
  const auto result = run_apart(plan, kPatience);
  ASSERT_TRUE(result);
  ASSERT_EQ(result->violations.size(), 1U);
  EXPECT_NE(result->violations[0].find("nobody's driver"), std::string::npos);
}

TEST(SoakRunTest, CrashIsAViolationThatNamesTheSignal) {
  SoakPlan plan = draw_plan(3);
  plan.policy = "no policy";  // nobody checks a plan, which only a seed makes
  const auto result = run_apart(plan, kPatience);
  ASSERT_TRUE(result);
  ASSERT_FALSE(result->violations.empty());
}

TEST(SoakCampaignTest, DoesNotDependOnTheNumberOfProcesses) {
  const auto one = run_campaign({.first_seed = 5, .seeds = 6, .jobs = 1, .progress = {}});
  const auto two = run_campaign({.first_seed = 5, .seeds = 6, .jobs = 3, .progress = {}});
  ASSERT_TRUE(one);
  ASSERT_TRUE(two);
  EXPECT_EQ(one->seeds, 6U);
  EXPECT_EQ(one->suspends, two->suspends);
  EXPECT_EQ(one->struck, two->struck);
  EXPECT_TRUE(one->failures.empty()) << one->failures.front().violations.front();
}

TEST(ShrinkTest, LeavesNothingThatIsNotNeededToFail) {
  SoakPlan plan = draw_plan(1);
  while (plan.faults.empty() || plan.tenants.size() < 3) {
    plan = draw_plan(plan.seed + 1);
  }
  plan.rates[FaultKind::kBusy] = 0.5;
  plan.kill_controller = true;
  // It fails while there is a service, and calls are refused.
  const SoakPlan small = shrink(plan, [](const SoakPlan& each) {
    return each.rates[FaultKind::kBusy] > 0 &&
           !std::ranges::all_of(each.tenants, &TenantPlan::offline);
  });
  ASSERT_EQ(small.tenants.size(), 1U);
  EXPECT_FALSE(small.tenants[0].offline);
  EXPECT_EQ(small.tenants[0].queues, 1U);
  EXPECT_TRUE(small.faults.empty());
  EXPECT_FALSE(small.kill_controller);
  for (const FaultKind kind : fault_kinds()) {
    EXPECT_EQ(small.rates[kind] > 0, kind == FaultKind::kBusy) << to_string(kind);
  }
  EXPECT_LE(small.length, std::chrono::milliseconds(2));
}

TEST(ShrinkTest, FaultsKeepTheTenantTheyStrike) {
  SoakPlan plan = draw_plan(1);
  plan.tenants.resize(1);
  plan.tenants.push_back(plan.tenants[0]);
  plan.tenants.push_back(plan.tenants[0]);
  plan.tenants[2].gpu = 77;  // to be known again
  plan.faults = {{.kind = FaultKind::kTargetExit, .at = Duration(1), .tenant = 2}};
  const SoakPlan small = shrink(plan, [](const SoakPlan& each) {
    return each.faults.size() == 1 && each.tenants.at(each.faults[0].tenant).gpu == 77;
  });
  ASSERT_EQ(small.tenants.size(), 1U);
  EXPECT_EQ(small.tenants[0].gpu, 77U);
  EXPECT_EQ(small.faults[0].tenant, 0U);
}

}  // namespace
}  // namespace gpreempt::soak
