// Goal: whoever a debug session would disturb is named, with the worst that happens to it, and
// nobody else. Expectations are the driver's: SUSPEND unmaps all queues of a GPU, ENABLE refreshes
// every GPU of which the process has a structure, a reset takes the whole hive.
#include "backends/kfd/hold/blast_radius.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/topology.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

using How = BlastRadius::How;

constexpr GpuId kFirst{0xf7bc};
constexpr GpuId kSecond{0x1a2b};
constexpr GpuId kThird{0x77};
constexpr GpuId kElsewhere{0x99};
constexpr std::uint64_t kHive = 0x1234;

GpuNode gpu(GpuId id, std::uint64_t hive) { return {.info = {.id = id}, .hive = hive}; }

/// Three GPUs of one hive and one by itself.
const std::vector<GpuNode>& board() {
  static const std::vector<GpuNode> gpus = {gpu(kFirst, kHive), gpu(kSecond, kHive),
                                            gpu(kThird, kHive), gpu(kElsewhere, 0)};
  return gpus;
}

KfdProcess process(std::int32_t pid, std::vector<GpuId> gpus, const std::vector<GpuId>& queues) {
  KfdProcess made{.pid = Pid(pid), .name = "p" + std::to_string(pid), .gpus = std::move(gpus)};
  std::uint32_t id = 0;
  for (const GpuId on : queues) {
    abi::QueueSnapshotEntry queue;
    queue.gpu_id = on.value();
    queue.queue_id = id++;
    made.queues.push_back(queue);
  }
  return made;
}

/// Of the target 1, which may use two GPUs and has queues on the first.
BlastRadius radius_with(const std::vector<KfdProcess>& others, const std::vector<Pid>& named = {}) {
  std::vector<KfdProcess> all = others;
  all.push_back(process(1, {kFirst, kSecond}, {kFirst, kFirst}));
  const std::array<Pid, 1> targets = {Pid(1)};
  return blast_radius(all, board(), targets, named);
}

TEST(BlastRadius, HasEveryGpuThatTheTargetMayUse) {
  const BlastRadius radius = radius_with({});
  ASSERT_EQ(radius.gpus.size(), 2U);
  EXPECT_EQ(radius.gpus[0].id, kSecond);
  EXPECT_EQ(radius.gpus[0].queues, 0U);
  EXPECT_EQ(radius.gpus[1].id, kFirst);
  EXPECT_EQ(radius.gpus[1].queues, 2U);
  EXPECT_EQ(radius.gpus[1].hive, kHive);
  EXPECT_TRUE(radius.bystanders.empty());
}

TEST(BlastRadius, QueueOnAGpuOfTheTargetsQueuesIsPreempted) {
  const BlastRadius radius = radius_with({process(7, {kFirst}, {kFirst, kFirst, kFirst})});
  ASSERT_EQ(radius.bystanders.size(), 1U);
  EXPECT_EQ(radius.bystanders[0].pid, Pid(7));
  EXPECT_EQ(radius.bystanders[0].how, How::kPreempted);
  EXPECT_EQ(radius.bystanders[0].queues, 3U);
  EXPECT_EQ(describe(radius.bystanders[0]),
            "pid 7 (p7): 3 queues on GPU f7bc are preempted by each suspend and resume");
}

TEST(BlastRadius, QueueOnAGpuThatTheTargetOnlyMayUseIsRefreshed) {
  const BlastRadius radius = radius_with({process(7, {kSecond}, {kSecond})});
  ASSERT_EQ(radius.bystanders.size(), 1U);
  EXPECT_EQ(radius.bystanders[0].how, How::kRefreshed);
  EXPECT_EQ(describe(radius.bystanders[0]),
            "pid 7 (p7): 1 queue on GPU 1a2b is preempted once by attaching and once by detaching");
}

TEST(BlastRadius, QueueElsewhereInTheHiveIsOnlyResetWithIt) {
  const BlastRadius radius = radius_with({process(7, {kThird}, {kThird})});
  ASSERT_EQ(radius.bystanders.size(), 1U);
  EXPECT_EQ(radius.bystanders[0].how, How::kReset);
  EXPECT_EQ(radius.bystanders[0].gpus, std::vector<GpuId>{kThird});
}

TEST(BlastRadius, WorstThatHappensToAProcessIsTold) {
  const BlastRadius radius =
      radius_with({process(7, {kFirst, kSecond, kThird}, {kThird, kSecond, kFirst})});
  ASSERT_EQ(radius.bystanders.size(), 1U);
  EXPECT_EQ(radius.bystanders[0].how, How::kPreempted);
  EXPECT_EQ(radius.bystanders[0].gpus, std::vector<GpuId>{kFirst});
  EXPECT_EQ(radius.bystanders[0].queues, 1U);
}

TEST(BlastRadius, GpuOutsideTheHiveIsLeftAlone) {
  EXPECT_TRUE(radius_with({process(7, {kElsewhere}, {kElsewhere})}).bystanders.empty());
}

TEST(BlastRadius, ProcessWithoutQueuesIsNotDisturbed) {
  EXPECT_TRUE(radius_with({process(7, {kFirst, kSecond}, {})}).bystanders.empty());
}

TEST(BlastRadius, NamedProcessIsNoBystander) {
  EXPECT_TRUE(radius_with({process(7, {kFirst}, {kFirst})}, {Pid(7)}).bystanders.empty());
}

TEST(BlastRadius, WorstDisturbedComeFirst) {
  const BlastRadius radius =
      radius_with({process(5, {kThird}, {kThird}), process(6, {kSecond}, {kSecond}),
                   process(8, {kFirst}, {kFirst}), process(7, {kFirst}, {kFirst})});
  std::vector<Pid> pids;
  for (const BlastRadius::Bystander& each : radius.bystanders) {
    pids.push_back(each.pid);
  }
  EXPECT_EQ(pids, (std::vector<Pid>{Pid(7), Pid(8), Pid(6), Pid(5)}));
}

}  // namespace
}  // namespace gpreempt::kfd
