// Goal: a debug session touches every GPU that its target sees, one after another, and nothing
// else. Costs are sums of the parameters, by hand.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/sim/kfd_fixture.h"

namespace gpreempt::sim {
namespace {

/// Three GPUs whose mapping takes no time, so that refreshes in a row do not wait for each other.
SystemOptions three_gpus() {
  SystemOptions options = priced_system();
  options.gpus = 3;
  options.gpu.t_map = {};
  options.gpu.t_map_process = {};
  options.gpu.t_map_queue = {};
  options.gpu.t_dequeue = {};
  return options;
}

class ManyGpusTest : public KfdModelTest {
 protected:
  ManyGpusTest() : KfdModelTest(three_gpus()) {
    for (std::uint32_t gpu = 0; gpu < 3; ++gpu) {
      create(others[gpu], gpu);
    }
    create(target, 0);
  }
  std::pair<long, Duration> disable() {
    return timed([&](KfdModel::Reply reply) { kfd().disable(me, target, std::move(reply)); });
  }

  // Of an idle GPU: packet, fence, and a build of one or two processes with a queue each.
  static constexpr microseconds kIoctl{1};
  static constexpr microseconds kShared{10 + 2 + 4 + 4};
  static constexpr microseconds kAlone{10 + 2 + 4 + 2};

  std::vector<Pid> others{bare(1), bare(2), bare(3)};
  Pid target = bare(4, std::vector<std::uint32_t>{0, 1});
};

TEST_F(ManyGpusTest, AttachRefreshesEveryGpuThatTheTargetSees) {
  std::vector<Duration> before;
  for (const Pid other : others) {
    before.push_back(kfd().bystander(other));
  }
  ASSERT_EQ(kfd().seize(me, target), 0);
  const auto [result, time] =
      timed([&](KfdModel::Reply reply) { kfd().enable(me, target, 0, [] {}, std::move(reply)); });
  EXPECT_EQ(result, 0);
  EXPECT_EQ(time, kIoctl + kShared + kAlone);
  EXPECT_GT(kfd().bystander(others[0]), before[0]);
  EXPECT_GT(kfd().bystander(others[1]), before[1]);  // the target has no queue there
  EXPECT_EQ(kfd().bystander(others[2]), before[2]);  // and cannot see this one
}

TEST_F(ManyGpusTest, DetachResumesWhereItHasQueuesAndCleansUpThreeTimesEverywhere) {
  attach(target);
  ASSERT_EQ(control(true, target, {0}).first, 1);
  EXPECT_EQ(disable(), std::make_pair(0L, Duration(kIoctl + kShared + 3 * (kShared + kAlone))));
  EXPECT_EQ(kfd().active_queues(0), 2U);
}

TEST_F(ManyGpusTest, SuspendServesItsGpusOneAfterAnother) {
  create(target, 1);
  attach(target);
  ASSERT_EQ(control(true, target, {0, 1}), std::make_pair(2L, Ids{0, 1}));
  const DriverCall& call = kfd().calls().back();
  // Each has two processes and one active queue left; one copy for both.
  EXPECT_EQ(call.done - call.called, kIoctl + 2 * microseconds(10 + 2 + 4 + 3) + microseconds(15));
}

TEST_F(ManyGpusTest, SuspendOnOneGpuLeavesTheOtherAlone) {
  create(target, 1);
  attach(target);
  const Duration before = kfd().bystander(others[1]);
  ASSERT_EQ(control(true, target, {0}).first, 1);
  EXPECT_EQ(kfd().bystander(others[1]), before);
  EXPECT_EQ(kfd().active_queues(0), 1U);
  EXPECT_EQ(kfd().active_queues(1), 2U);
}

TEST_F(ManyGpusTest, ExitRefreshesEveryGpuTheProcessSawUsedOrNot) {
  std::vector<Duration> before;
  for (const Pid other : others) {
    before.push_back(kfd().bystander(other));
  }
  kfd().exit_process(target);
  settle();
  EXPECT_GT(kfd().bystander(others[0]), before[0]);
  EXPECT_GT(kfd().bystander(others[1]), before[1]);
  EXPECT_EQ(kfd().bystander(others[2]), before[2]);
  EXPECT_EQ(kfd().processes(0), 1U);
  // process_termination_cpsch takes its queues off before it builds the list.
  ASSERT_EQ(kfd().runlist(0).size(), 1U);
  EXPECT_EQ(kfd().runlist(0).front().process, others[0].value());
}

/// Partitions of one device are nodes with a lock, a runlist and firmware of their own.
class PartitionTest : public KfdModelTest {
 protected:
  static SystemOptions two_nodes() {
    SystemOptions options = priced_system();
    options.gpus = 2;
    return options;
  }
  PartitionTest() : KfdModelTest(two_nodes()) {}
};

TEST_F(PartitionTest, PreemptingOneNodeDoesNotDelayItsSibling) {
  const Pid target = launch(endless(1));
  Program elsewhere = endless(1);
  elsewhere.gpu = 1;
  const Pid sibling = launch(elsewhere);
  attach(target);  // this one does touch both
  system.start();
  ASSERT_EQ(control(true, target, {0}).first, 1);
  ASSERT_EQ(control(false, target, {0}).first, 1);
  EXPECT_EQ(system.progress(sibling).work, milliseconds(100));
  EXPECT_LT(system.progress(target).work, milliseconds(100));
}

class CopyTest : public KfdModelTest {
 protected:
  static SystemOptions options() {
    SystemOptions system = priced_system();
    system.gpus = 2;
    system.gpu.t_copyctx_entry = microseconds(2);
    return system;
  }
  CopyTest() : KfdModelTest(options()) {}
};

TEST_F(CopyTest, HeadersOfEveryComputeQueueOnEveryGpuAreCopied) {
  const Pid target = bare(1);
  create(target, 0);
  create(target, 0);
  create(target, 0, QueueType::kSdma);
  create(target, 1);
  attach(target);
  ASSERT_EQ(control(true, target, {0}).first, 1);
  PhaseTimes phases = kfd().calls().back().phases;
  EXPECT_EQ(phase(phases, DriverPhase::kCopy), microseconds(15 + 3 * 4 * 2));  // 4 XCCs each
}

TEST_F(CopyTest, NothingSuspendedNothingCopied) {
  const Pid target = bare(1);
  create(target, 0);
  attach(target);
  ASSERT_EQ(control(true, target, {9}).first, 0);
  PhaseTimes phases = kfd().calls().back().phases;
  EXPECT_EQ(phase(phases, DriverPhase::kCopy), Duration::zero());
}

}  // namespace
}  // namespace gpreempt::sim
