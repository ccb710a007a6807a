// Goal: once its tables have their size, a step of the scheduler allocates nothing, whatever the
// policy. A program of its own, since it counts every allocation.
#include <gtest/gtest.h>

#include <cstdint>
#include <string_view>

#include "core/policy.h"
#include "tests/support/allocations.h"
#include "tests/support/scheduler_steps.h"

namespace gpreempt {
namespace {

TEST(SchedulerAllocationTest, NoStepAllocatesAtSixtyFourTenantsWithAnyPolicy) {
  constexpr std::uint32_t kTenants = 64;
  constexpr int kPeriods = 20;
  for (const std::string_view policy : policy_names()) {
    Bench bench(policy, kTenants);
    EXPECT_GT(allocations(), 0U) << "they are counted";
    warm_up(bench);
    const std::uint64_t before = allocations();
    std::uint64_t steps = 0;
    for (int period = 0; period < kPeriods; ++period) {
      steps += busy_period(bench);
    }
    const std::uint64_t after = allocations();
    EXPECT_EQ(after - before, 0U) << policy;
    EXPECT_GE(steps, 20U * kPeriods) << policy;
  }
}

}  // namespace
}  // namespace gpreempt
