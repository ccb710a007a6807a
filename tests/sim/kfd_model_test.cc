// Goal: the driver model keeps amdkfd's rules (errno ladder, ids, the QUEUE_NEW gate, device-wide
// preemption) and charges the documented formula. Expected values are the kernel's rules and sums
// worked out by hand.
#include "backends/sim/kfd_model/kfd_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/sim/kfd_fixture.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

TEST_F(KfdModelTest, CallsWithoutASessionClimbTheErrnoLadder) {
  const Pid target = launch(endless(1));
  EXPECT_EQ(control(true, Pid(99), {0}).first, -ESRCH);
  EXPECT_EQ(control(true, target, {0}).first, -EPERM);  // not traced
  ASSERT_EQ(kfd().seize(me, target), 0);
  EXPECT_EQ(control(true, target, {0}).first, -EINVAL);  // traced, not enabled
  const KfdModel::Caller other{.process = me.process, .thread = 8};
  EXPECT_EQ(kfd().seize(other, target), -EPERM);
}

TEST_F(KfdModelTest, OnlyTheTracingThreadMayCallOnOlderDrivers) {
  const Pid target = launch(endless(1));
  ASSERT_EQ(enable(target), 0);
  ASSERT_EQ(snapshot(target, KfdModel::kQueueNew), 0);
  const KfdModel::Caller sibling{.process = me.process, .thread = 8};
  EXPECT_EQ(control(true, target, {0}, sibling).first, -EPERM);
  EXPECT_EQ(control(true, target, {0}).first, 1);
}

TEST_F(KfdModelTest, SecondEnableSaysAlready) {
  const Pid target = launch(endless(1));
  ASSERT_EQ(enable(target), 0);
  long result = 0;
  kfd().enable(me, target, 0, [] {}, [&](long answer) { result = answer; });
  settle();
  EXPECT_EQ(result, -EALREADY);
}

TEST_F(KfdModelTest, NewQueueIsInvalidUntilASnapshotClearsTheBit) {
  const Pid target = launch(endless(2));
  ASSERT_EQ(enable(target), 0);
  EXPECT_EQ(control(true, target, {0, 1}),
            std::make_pair(0L, Ids{0 | KfdModel::kQueueInvalid, 1 | KfdModel::kQueueInvalid}));
  ASSERT_EQ(snapshot(target, 0), 0);  // a snapshot that clears nothing does not help
  EXPECT_EQ(control(true, target, {0, 1}).first, 0);
  Ids ids;
  ASSERT_EQ(snapshot(target, KfdModel::kQueueNew, &ids), 0);
  EXPECT_EQ(ids, (Ids{1, 0}));  // newest first
  EXPECT_EQ(control(true, target, {0, 1}), std::make_pair(2L, Ids{0, 1}));
}

/// pqm_get_queue_snapshot: the newest first, and what does not fit is counted only.
TEST_F(KfdModelTest, SnapshotClearsOnlyWhatItReturns) {
  const Pid target = launch(endless(2));
  ASSERT_EQ(enable(target), 0);
  kfd().snapshot(me, target, KfdModel::kQueueNew, 1, [](long, const auto&) {});
  settle();
  EXPECT_EQ(control(true, target, {0, 1}), std::make_pair(1L, Ids{invalid(0), 1}));
}

TEST_F(KfdModelTest, RepeatedIdAndStaleErrorBitStayInvalid) {
  const Pid target = launch(endless(2));
  ASSERT_EQ(enable(target), 0);
  ASSERT_EQ(snapshot(target, KfdModel::kQueueNew), 0);
  EXPECT_EQ(control(true, target, {0, 0}), std::make_pair(1L, Ids{0, 0 | KfdModel::kQueueInvalid}));
  const std::uint32_t stale = 1 | KfdModel::kQueueError;
  EXPECT_EQ(control(true, target, {stale}),
            std::make_pair(0L, Ids{stale | KfdModel::kQueueInvalid}));
}

TEST_F(KfdModelTest, MoreThan1024IdsAreRefusedAndNoneIsANoOp) {
  const Pid target = launch(endless(1));
  ASSERT_EQ(enable(target), 0);
  EXPECT_EQ(control(true, target, Ids(1025, 0)).first, -EINVAL);
  EXPECT_EQ(control(true, target, {}).first, 0);
  EXPECT_TRUE(kfd().calls().empty());
}

TEST_F(KfdModelTest, QueueIdsAreTheLowestFreeOfTheProcess) {
  const Pid a = launch(endless(2));
  const Pid b = launch(endless(1));
  ASSERT_EQ(enable(a), 0);
  ASSERT_EQ(enable(b), 0);
  ASSERT_TRUE(system.create_queue(a).has_value());
  Ids of_a;
  Ids of_b;
  ASSERT_EQ(snapshot(a, 0, &of_a), 0);
  ASSERT_EQ(snapshot(b, 0, &of_b), 0);
  EXPECT_EQ(of_a, (Ids{2, 1, 0}));
  EXPECT_EQ(of_b, (Ids{0}));
}

TEST_F(KfdModelTest, SuspendedQueueMakesNoProgressAndLosesNone) {
  const Pid target = launch(endless(1));
  ASSERT_EQ(enable(target), 0);
  ASSERT_EQ(snapshot(target, KfdModel::kQueueNew), 0);
  system.start();
  settle();
  ASSERT_EQ(control(true, target, {0}).first, 1);
  const Duration work = system.progress(target).work;
  settle();
  EXPECT_EQ(system.progress(target).work, work);
  ASSERT_EQ(control(false, target, {0}).first, 1);  // settles for 50 ms, all of them work
  EXPECT_EQ(system.progress(target).work, work + std::chrono::milliseconds(50));
}

TEST_F(KfdModelTest, DeathOfTheDebuggerResumesItsTargets) {
  const Pid target = launch(endless(1));
  ASSERT_EQ(enable(target), 0);
  ASSERT_EQ(snapshot(target, KfdModel::kQueueNew), 0);
  system.start();
  ASSERT_EQ(control(true, target, {0}).first, 1);
  EXPECT_EQ(kfd().active_queues(0), 0U);
  kfd().exit_process(me.process);
  settle();
  EXPECT_EQ(kfd().active_queues(0), 1U);
  const Duration work = system.progress(target).work;
  settle();
  EXPECT_EQ(system.progress(target).work, work + std::chrono::milliseconds(50));
}

TEST_F(PricedKfdModelTest, EnableOfADebuggerThatDiesMeanwhileLeavesNoSession) {
  const Pid target = launch(endless(1));
  const KfdModel::Caller first{.process = system.add_controller(), .thread = 21};
  ASSERT_EQ(kfd().seize(first, target), 0);
  std::vector<long> answers;
  const auto answer = [&](long result) { answers.push_back(result); };
  kfd().enable(first, target, 0, [] {}, answer);  // holds the target's mutex for a refresh
  kfd().enable(first, target, 0, [] {}, answer);  // waits for it
  timeline.run_until(timeline.now() + microseconds(5));
  kfd().exit_process(first.process);
  settle();
  std::sort(answers.begin(), answers.end());
  EXPECT_EQ(answers, (std::vector<long>{-ESRCH, 0}));
  EXPECT_EQ(enable(target), 0);  // nobody else holds it
}

TEST_F(KfdModelTest, OlderDriversLetAnybodyEndASession) {
  const KfdModel::Caller stranger{.process = system.add_controller(), .thread = 9};
  const Pid target = launch(endless(1));
  ASSERT_EQ(enable(target), 0);
  long result = 1;
  kfd().disable(stranger, target, [&](long answer) { result = answer; });
  settle();
  EXPECT_EQ(result, 0);
}

class NewerDriverTest : public KfdModelTest {
 protected:
  static SystemOptions options() {
    SystemOptions system = free_system();
    system.personality = find_personality("upstream-6.12.107").value();
    return system;
  }
  NewerDriverTest() : KfdModelTest(options()) {}
};

TEST_F(NewerDriverTest, StrangerMayNotEndASession) {
  const KfdModel::Caller stranger{.process = system.add_controller(), .thread = 9};
  const Pid target = launch(endless(1));
  ASSERT_EQ(enable(target), 0);
  long result = 1;
  kfd().disable(stranger, target, [&](long answer) { result = answer; });
  settle();
  EXPECT_EQ(result, -EPERM);
}

TEST_F(NewerDriverTest, AnyThreadOfTheDebuggersProcessMayCall) {
  const Pid target = launch(endless(1));
  ASSERT_EQ(enable(target), 0);
  ASSERT_EQ(snapshot(target, KfdModel::kQueueNew), 0);
  const KfdModel::Caller sibling{.process = me.process, .thread = 8};
  EXPECT_EQ(control(true, target, {0}, sibling).first, 1);
}

TEST_F(PricedKfdModelTest, SuspendCostsTheDocumentedSumAndPreemptsTheBystander) {
  const Pid target = launch(endless(1));
  const Pid bystander = launch(endless(1));
  ASSERT_EQ(enable(target), 0);
  ASSERT_EQ(snapshot(target, KfdModel::kQueueNew), 0);
  system.start();
  settle();
  const Duration before = system.progress(bystander).bystander;
  ASSERT_EQ(control(true, target, {0}).first, 1);
  ASSERT_EQ(kfd().calls().size(), 1U);
  const DriverCall& call = kfd().calls().front();
  // Both processes share the GPU: 640 workgroups of 4 waves of 256 x 64 + 4 x 104 + 128 bytes are
  // resident.
  const std::uint64_t bytes = 640U * 4U * (256U * 64U + 4U * 104U + 128U);
  EXPECT_EQ(call.saved_bytes, bytes);
  PhaseTimes phases = call.phases;
  const Duration save((bytes + 999) / 1000);  // at 1 TB/s
  EXPECT_EQ(phase(phases, DriverPhase::kIssue), microseconds(1));
  EXPECT_EQ(phase(phases, DriverPhase::kLock), microseconds(0));
  EXPECT_EQ(phase(phases, DriverPhase::kUnmap), microseconds(10 + 3 + 2));
  EXPECT_EQ(phase(phases, DriverPhase::kSave), save);
  EXPECT_EQ(phase(phases, DriverPhase::kMap),
            microseconds(4 + 3));  // 2 processes and 1 active queue
  EXPECT_EQ(phase(phases, DriverPhase::kCopy), microseconds(15));
  EXPECT_EQ(std::accumulate(phases.begin(), phases.end(), Duration{}), call.done - call.called);
  // Off from the fetched packet to its own restore: stop, save, fence, build, map of 2 processes
  // and 1 queue, relaunch, and its half of the bytes back at 1 TB/s.
  const Duration restore((bytes / 2 + 999) / 1000);
  const Duration relaunch(10);  // 320 waves an XCC, 32 clocks of 1 ps each, rounded
  EXPECT_EQ(system.progress(bystander).bystander - before,
            microseconds(3) + save + microseconds(2 + 7) + microseconds(100 + 2 * 20 + 35) +
                microseconds(7) + relaunch + restore);
}

TEST_F(PricedKfdModelTest, ItsOwnSuspensionIsNobodyElsesFaultWhoeverCalledLast) {
  const Pid first = launch(endless(1));
  const Pid second = launch(endless(1));
  for (const Pid target : {first, second}) {
    attach(target);
  }
  system.start();
  settle();
  ASSERT_EQ(control(true, first, {0}).first, 1);
  const Duration before = system.progress(first).bystander;
  ASSERT_EQ(control(true, second, {0}).first, 1);  // nothing is mapped from here on
  const Duration work = system.progress(first).work;
  ASSERT_EQ(control(false, first, {0}).first, 1);
  EXPECT_GT(system.progress(first).work, work);
  EXPECT_EQ(system.progress(first).bystander, before);
}

TEST_F(PricedKfdModelTest, ResumeCopiesNoHeadersAndReturnsBeforeTheWavesRun) {
  const Pid target = launch(endless(1));
  ASSERT_EQ(enable(target), 0);
  ASSERT_EQ(snapshot(target, KfdModel::kQueueNew), 0);
  system.start();
  settle();
  ASSERT_EQ(control(true, target, {0}).first, 1);
  const Duration work = system.progress(target).work;
  Instant replied{};
  kfd().resume(me, target, {0}, [&](long, const auto&) { replied = timeline.now(); });
  // Nothing is mapped, so nothing is unmapped: issue 1, build 4 + 2.
  timeline.run_until(timeline.now() + microseconds(7));
  EXPECT_EQ(replied, timeline.now());
  EXPECT_EQ(system.progress(target).work, work);
  EXPECT_EQ(kfd().calls().back().phases[static_cast<std::size_t>(DriverPhase::kCopy)], Duration{});
  timeline.run_until(timeline.now() + microseconds(100 + 20 + 35));
  EXPECT_EQ(system.progress(target).work, work);
  settle();
  EXPECT_GT(system.progress(target).work, work);
}

TEST_F(PricedKfdModelTest, SecondSuspendOfASuspendedQueueSucceedsAndStillCostsAFullCycle) {
  const Pid target = launch(endless(1));
  launch(endless(1));
  ASSERT_EQ(enable(target), 0);
  ASSERT_EQ(snapshot(target, KfdModel::kQueueNew), 0);
  system.start();
  settle();
  ASSERT_EQ(control(true, target, {0}).first, 1);
  EXPECT_EQ(control(true, target, {0}), std::make_pair(1L, Ids{0}));
  ASSERT_EQ(kfd().calls().size(), 2U);
  PhaseTimes again = kfd().calls()[1].phases;
  EXPECT_EQ(phase(again, DriverPhase::kUnmap), microseconds(15));
  EXPECT_GT(phase(again, DriverPhase::kSave), Duration::zero());  // the bystander's waves
}

TEST_F(PricedKfdModelTest, SecondCallOnAGpuWaitsForTheLock) {
  const Pid a = launch(endless(1));
  const Pid b = launch(endless(1));
  for (const Pid target : {a, b}) {
    ASSERT_EQ(enable(target), 0);
    ASSERT_EQ(snapshot(target, KfdModel::kQueueNew), 0);
  }
  system.start();
  settle();
  int replies = 0;
  const auto count = [&](long, const auto&) { ++replies; };
  kfd().suspend(me, a, {0}, Duration::zero(), count);
  kfd().suspend(me, b, {0}, Duration::zero(), count);
  settle();
  EXPECT_EQ(replies, 2);
  ASSERT_EQ(kfd().calls().size(), 2U);
  PhaseTimes first = kfd().calls()[0].phases;
  PhaseTimes second = kfd().calls()[1].phases;
  // The lock is free when the first runlist is submitted.
  EXPECT_EQ(phase(second, DriverPhase::kLock), phase(first, DriverPhase::kUnmap) +
                                                   phase(first, DriverPhase::kSave) +
                                                   phase(first, DriverPhase::kMap));
}

class MovingAreaTest : public KfdModelTest {
 protected:
  static SystemOptions options() {
    SystemOptions system = priced_system();
    system.gpu.area_moves = 1;
    return system;
  }
  MovingAreaTest() : KfdModelTest(options()) {}
};

TEST_F(MovingAreaTest, FirstSuspendMovesEverySaveAreaAndLaterOnesSaveAcrossTheBus) {
  const Pid target = launch(endless(3));
  ASSERT_EQ(enable(target), 0);
  ASSERT_EQ(snapshot(target, KfdModel::kQueueNew), 0);
  system.start();
  settle();
  ASSERT_EQ(control(true, target, {0}).first, 1);
  ASSERT_EQ(control(false, target, {0}).first, 1);
  ASSERT_EQ(control(true, target, {0}).first, 1);
  const DriverCall& first = kfd().calls()[0];
  const DriverCall& steady = kfd().calls()[2];
  PhaseTimes first_phases = first.phases;
  PhaseTimes steady_phases = steady.phases;
  EXPECT_TRUE(first.first_of_process);
  EXPECT_FALSE(steady.first_of_process);
  // Three areas of 1 MB on each of 4 XCCs at 1 GB/s, for one suspended queue: the copy covers all
  // queues.
  // Before that the process is evicted: behind the mapping of its two other queues, a packet and a
  // fence.
  const auto eviction = microseconds((100 + 20 + 2 * (5 + 30)) + 10 + 2);
  EXPECT_EQ(phase(first_phases, DriverPhase::kCopy), microseconds(15 + 3 * 4000) + eviction);
  EXPECT_EQ(phase(steady_phases, DriverPhase::kCopy), microseconds(15));
  EXPECT_EQ(steady.saved_bytes, first.saved_bytes);
  EXPECT_EQ(phase(steady_phases, DriverPhase::kSave), Duration(first.saved_bytes));  // 1 byte a ns
}

}  // namespace
}  // namespace gpreempt::sim
