// Goal: a position in a train is found without visiting the kernels before it, and is the one that
// stepping finds.
#include "backends/sim/gpu/train_plan.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "core/program.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

TEST(TrainPlanTest, KernelLargerThanTheGpuRunsInRounds) {
  const TrainPlan plan(free_gpu(),
                       {{.count = 3, .duration = Duration(1000), .shape = small_workgroups(1300)}});
  EXPECT_EQ(plan.run(0).capacity, kFull / 4);       // of one of four XCCs
  EXPECT_EQ(plan.run(0).workgroup, Duration(334));  // three rounds, rounded up
  EXPECT_EQ(plan.total(), Duration(3 * 3 * 334));
  EXPECT_EQ(plan.kernels(), 3U);
}

TEST(TrainPlanTest, LocateFindsWhatSteppingFinds) {
  const TrainPlan plan(free_gpu(),
                       {{.count = 4, .duration = Duration(10), .shape = small_workgroups(1)},
                        {.count = 1, .duration = Duration(7), .shape = small_workgroups(700)},
                        {.count = 2, .duration = Duration(3), .shape = small_workgroups(9)}});
  TrainPlan::Position position;
  Duration start{};
  std::uint64_t kernels = 0;
  do {
    EXPECT_EQ(plan.elapsed(position), start);
    EXPECT_EQ(plan.kernels_before(position), kernels);
    for (Duration inside{}; inside < plan.run(position.run).kernel; ++inside) {
      const TrainPlan::Position found = plan.locate(start + inside);
      EXPECT_EQ(found.run, position.run);
      EXPECT_EQ(found.index, position.index);
      EXPECT_EQ(found.offset, inside);
    }
    start += plan.run(position.run).kernel;
    ++kernels;
  } while (plan.advance(position));
  EXPECT_EQ(start, plan.total());
  EXPECT_EQ(kernels, plan.kernels());
}

}  // namespace
}  // namespace gpreempt::sim
