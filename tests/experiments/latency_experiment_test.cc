// Goal: suspend-latency measures what it says: the parts make up the whole, and a longer grace
// period costs what waves that outlast it make it cost.
// Method: closed forms from the model's parameters.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/experiment.h"
#include "experiments/grace_units.h"
#include "experiments/programs.h"
#include "experiments/session.h"
#include "experiments/verdict.h"
#include "tests/experiments/worlds.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;
using testing::find;
using testing::Kind;
using testing::machine;
using testing::number;
using testing::setting_of;

class SuspendLatencyTest : public ::testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(Worlds, SuspendLatencyTest, ::testing::Values(Kind::kSim, Kind::kVkfd),
                         [](const auto& world) { return testing::name_of(world.param); });

bool is_cell(const Verdict& verdict) {
  return std::ranges::any_of(verdict.numbers,
                             [](const auto& each) { return each.first == "p99_ns"; });
}

double sum_of_parts(const Verdict& cell) {
  double sum = number(cell, "mean_outside_driver_ns");
  for (const char* part : {"issue", "lock", "unmap", "save", "map", "restore", "copy"}) {
    sum += number(cell, std::string("mean_") + part + "_ns");
  }
  return sum;
}

TEST_P(SuspendLatencyTest, CellsAreOrderedAndTheirPartsFit) {
  const std::vector<Verdict> verdicts = testing::run("suspend-latency", setting_of(GetParam()));
  std::size_t cells = 0;
  for (const Verdict& verdict : verdicts) {
    if (!is_cell(verdict)) {
      continue;
    }
    ++cells;
    EXPECT_EQ(number(verdict, "count"), 20) << verdict.name;
    EXPECT_LE(number(verdict, "p50_ns"), number(verdict, "p95_ns")) << verdict.name;
    EXPECT_LE(number(verdict, "p95_ns"), number(verdict, "p99_ns")) << verdict.name;
    EXPECT_LE(number(verdict, "p99_ns"), number(verdict, "max_ns")) << verdict.name;
    // The parts' means sum to the mean, which lies between the extremes.
    EXPECT_LE(sum_of_parts(verdict), number(verdict, "max_ns")) << verdict.name;
    EXPECT_GT(sum_of_parts(verdict), 0.5 * number(verdict, "p50_ns")) << verdict.name;
  }
  // Two numbers of GPUs, two of queues, idle and full, two graces.
  EXPECT_EQ(cells, 16U);
  EXPECT_EQ(find(verdicts, "suspend-latency/limit").answer, Answer::kMet);
}

TEST_P(SuspendLatencyTest, IdleQueuesHaveNothingToSaveAndFullOnesHaveEverything) {
  const std::vector<Verdict> verdicts = testing::run("suspend-latency", setting_of(GetParam()));
  const Verdict idle = find(verdicts, "suspend-latency/idle/1-queue/1-gpu/grace-1");
  EXPECT_EQ(number(idle, "mean_saved_bytes"), 0);
  EXPECT_EQ(number(idle, "mean_save_ns"), 0);
  const Verdict full = find(verdicts, "suspend-latency/full/1-queue/1-gpu/grace-1");
  // Four workgroups of 4 waves on each of 80 CUs: 128 VGPRs of 256 bytes, 104 SGPRs of 4, and 128.
  const double whole = 80.0 * 4 * 4 * (256 * 128 + 4 * 104 + 128);
  EXPECT_NEAR(number(full, "mean_saved_bytes"), whole, 0.1 * whole);
}

TEST_P(SuspendLatencyTest, TwoGpusTakeLongerThanOne) {
  const std::vector<Verdict> verdicts = testing::run("suspend-latency", setting_of(GetParam()));
  const Verdict one = find(verdicts, "suspend-latency/idle/1-queue/1-gpu/grace-default");
  const Verdict two = find(verdicts, "suspend-latency/idle/1-queue/2-gpus/grace-default");
  EXPECT_GT(number(two, "p50_ns"), number(one, "p50_ns"));
}

TEST_P(SuspendLatencyTest, LongestGraceIs255UnitsOf1000Clocks) {
  const Result<Duration> longest =
      in_world(setting_of(GetParam()), {}, [](Session& session) -> Result<Duration> {
        const Result<Pid> pid = session.run(
            endless("job", session.backend().info().gpus.front(), 0.25, milliseconds(2)));
        GPREEMPT_TRY(pid);
        const Result<Followed> process = session.follow(*pid, AttachMode::kControl);
        GPREEMPT_TRY(process);
        return longest_grace(session, *process);
      });
  ASSERT_TRUE(longest) << longest.error().what;
  const double expected = 255 * 1000 * 1e9 / machine().gpu.clock_hz;
  // The driver knows whole megahertz.
  EXPECT_NEAR(static_cast<double>(to_ns(*longest)), expected, 0.001 * expected);
}

}  // namespace
}  // namespace gpreempt::experiments
