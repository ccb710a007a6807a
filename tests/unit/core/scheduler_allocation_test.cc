// Goal: once its tables have their size, a step of the scheduler allocates nothing, whatever the
// policy. A program of its own, since it counts every allocation.
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string_view>

#include "core/policy.h"
#include "tests/bench/scheduler_steps.h"

namespace {
std::atomic<std::uint64_t> allocations{0};
}  // namespace

// Not inlined: GCC would otherwise see malloc's memory go to a delete it thinks is not its pair.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size)) {
    return memory;
  }
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}

namespace gpreempt {
namespace {

TEST(SchedulerAllocationTest, NoStepAllocatesAtSixtyFourTenantsWithAnyPolicy) {
  constexpr std::uint32_t kTenants = 64;
  constexpr int kPeriods = 20;
  for (const std::string_view policy : policy_names()) {
    Bench bench(policy, kTenants);
    EXPECT_GT(allocations.load(), 0U) << "they are counted";
    warm_up(bench);
    const std::uint64_t before = allocations.load();
    std::uint64_t steps = 0;
    for (int period = 0; period < kPeriods; ++period) {
      steps += busy_period(bench);
    }
    const std::uint64_t after = allocations.load();
    EXPECT_EQ(after - before, 0U) << policy;
    EXPECT_GE(steps, 20U * kPeriods) << policy;
  }
}

}  // namespace
}  // namespace gpreempt
