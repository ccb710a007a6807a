// Goal: what a process does with its own queues follows amdkfd: errnos, who waits for whom, and one
// unmap and map of the whole GPU for each change. Costs are sums of the parameters, by hand.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/system.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/sim/kfd_fixture.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

// Of an idle GPU in `priced_system`: the packet and the fence, and the build for so many packets.
constexpr microseconds kIoctl(1);
constexpr microseconds kUnmap(10 + 2);
constexpr microseconds build(int entries) { return microseconds(4 + entries); }

TEST_F(PricedKfdModelTest, CreateMapsAnEmptyGpuAndRefreshesAnother) {
  const Pid pid = bare(1);
  const auto create = [&] {
    return timed([&](KfdModel::Reply reply) { kfd().create_queue(pid, {}, std::move(reply)); });
  };
  EXPECT_EQ(create(), std::make_pair(0L, Duration(kIoctl + build(2))));
  EXPECT_EQ(create(), std::make_pair(1L, Duration(kIoctl + kUnmap + build(3))));
}

TEST_F(KfdModelTest, CreateIsRefusedWithTheDriversErrno) {
  const Pid pid = bare(1, std::vector<std::uint32_t>{});
  EXPECT_EQ(create(pid, 0), -EINVAL);  // its device cgroup hides the GPU
  EXPECT_EQ(create(Pid(99), 0), -ESRCH);
  const Pid other = bare(2);
  EXPECT_EQ(answer([&](KfdModel::Reply reply) {
              kfd().create_queue(other, {.priority = 16}, std::move(reply));
            }),
            -EINVAL);
  for (int i = 0; i < 16; ++i) {
    EXPECT_GE(create(other, 0, QueueType::kSdma), 0);
  }
  EXPECT_EQ(create(other, 0, QueueType::kSdma), -ENOMEM);  // 2 engines of 8 queues
  for (int i = 16; i < 255; ++i) {
    ASSERT_EQ(create(other, 0), i);
  }
  EXPECT_EQ(create(other, 0), -ENOSPC);  // 255 of a process on a GPU
}

TEST_F(KfdModelTest, SdmaQueuesTakeNoComputeSlot) {
  const Pid pid = bare(1);
  create(pid, 0, QueueType::kSdma);
  create(pid, 0);
  EXPECT_EQ(kfd().active_queues(0), 1U);
  EXPECT_EQ(kfd().processes(0), 1U);
}

TEST_F(PricedKfdModelTest, DestroyRefreshesTheGpuAndTheLastOneLeavesNothingToMap) {
  const Pid pid = bare(1);
  create(pid, 0);
  create(pid, 0);
  const auto destroy = [&](std::uint32_t id) {
    return timed([&](KfdModel::Reply reply) { kfd().destroy_queue(pid, id, std::move(reply)); });
  };
  EXPECT_EQ(destroy(0), std::make_pair(0L, Duration(kIoctl + kUnmap + build(2))));
  EXPECT_EQ(kfd().processes(0), 1U);
  EXPECT_EQ(destroy(1), std::make_pair(0L, Duration(kIoctl + kUnmap)));
  EXPECT_EQ(kfd().processes(0), 0U);
}

TEST_F(KfdModelTest, DestroyedIdIsUnknownThenReusedForTheNewestQueue) {
  const Pid pid = launch(endless(3));
  ASSERT_EQ(enable(pid), 0);
  EXPECT_EQ(destroy(pid, 7), -EINVAL);
  EXPECT_EQ(destroy(pid, 1), 0);
  EXPECT_EQ(destroy(pid, 1), -EINVAL);
  ASSERT_TRUE(system.create_queue(pid).has_value());
  Ids ids;
  ASSERT_EQ(snapshot(pid, 0, &ids), 0);
  EXPECT_EQ(ids, (Ids{1, 2, 0}));  // newest first, whatever the numbers
}

class SuspendedDestroyTest : public KfdModelTest {
 protected:
  explicit SuspendedDestroyTest(const SystemOptions& options = free_system())
      : KfdModelTest(options), pid(launch(endless(2))) {
    attach(pid);
    EXPECT_EQ(control(true, pid, {0}).first, 1);
    first = begin_destroy();
    settle();
  }
  std::shared_ptr<std::optional<long>> begin_destroy() {
    auto result = std::make_shared<std::optional<long>>();
    kfd().destroy_queue(pid, 0, [result](long answer) { *result = answer; });
    return result;
  }
  Pid pid;
  std::shared_ptr<std::optional<long>> first;
};

TEST_F(SuspendedDestroyTest, WaitsForTheResume) {
  EXPECT_EQ(*first, std::nullopt);
  EXPECT_EQ(create(pid, 0), 2);  // the process goes on meanwhile
  EXPECT_EQ(control(false, pid, {0}).first, 1);
  EXPECT_EQ(*first, 0);
  EXPECT_EQ(control(true, pid, {0}), std::make_pair(0L, Ids{invalid(0)}));
}

TEST_F(SuspendedDestroyTest, QueueStaysSuspendedForTheDebuggerThatAsksAgain) {
  EXPECT_EQ(control(true, pid, {0}), std::make_pair(1L, Ids{0}));
  EXPECT_EQ(*first, std::nullopt);
}

TEST_F(SuspendedDestroyTest, OnceResumedItCannotBeSuspendedAgain) {
  std::pair<long, Ids> again;
  kfd().resume(me, pid, {0}, [](long, const Ids&) {});
  kfd().suspend(me, pid, {0}, Duration::zero(),
                [&](long result, const Ids& ids) { again = {result, ids}; });
  settle();
  EXPECT_EQ(again, std::make_pair(0L, Ids{invalid(0)}));
  EXPECT_EQ(*first, 0);
}

class PricedDestroyTest : public SuspendedDestroyTest {
 protected:
  PricedDestroyTest() : SuspendedDestroyTest(priced_system()) {}
};

/// suspend_single_queue skips a queue that is being destroyed: a call that was waiting for the
/// mutex comes between the resume and the DESTROY that it has woken.
TEST_F(PricedDestroyTest, SuspendThatWaitsBehindTheResumeDoesNotTakeTheDyingQueue) {
  std::pair<long, Ids> again;
  kfd().resume(me, pid, {0}, [](long, const Ids&) {});
  kfd().suspend(me, pid, {0}, Duration::zero(),
                [&](long result, const Ids& ids) { again = {result, ids}; });
  settle();
  EXPECT_EQ(again, std::make_pair(0L, Ids{invalid(0)}));
  EXPECT_EQ(*first, 0);
}

TEST_F(SuspendedDestroyTest, EndOfTheSessionLetsItGo) {
  EXPECT_EQ(answer([&](KfdModel::Reply reply) { kfd().disable(me, pid, std::move(reply)); }), 0);
  EXPECT_EQ(*first, 0);
}

TEST_F(SuspendedDestroyTest, DeathOfTheDebuggerLetsItGo) {
  kfd().exit_process(me.process);
  settle();
  EXPECT_EQ(*first, 0);
}

TEST_F(SuspendedDestroyTest, DeathOfTheProcessInterruptsIt) {
  system.exit(pid);
  settle();
  EXPECT_EQ(*first, -EINTR);
  EXPECT_EQ(kfd().processes(0), 0U);
}

TEST_F(SuspendedDestroyTest, SecondOneWaitsTooAndFindsNothing) {
  const auto second = begin_destroy();
  settle();
  EXPECT_EQ(*second, std::nullopt);
  EXPECT_EQ(control(false, pid, {0}).first, 1);
  EXPECT_EQ(*first, 0);
  EXPECT_EQ(*second, -EINVAL);
}

class PatchedKfdModelTest : public KfdModelTest {
 protected:
  PatchedKfdModelTest() : KfdModelTest(patched()) {}

 private:
  static SystemOptions patched() {
    SystemOptions options = free_system();
    options.personality = patched_personality();
    return options;
  }
};

TEST_F(PatchedKfdModelTest, IdsOfAProcessBeginAtFourTimesItsPid) {
  // As the patched build printed it: 4140775 modulo 256 is 231, times 4 is 924.
  const Pid pid = bare(4140775);
  EXPECT_EQ(create(pid, 0), 924);
  EXPECT_EQ(create(pid, 0, QueueType::kSdma), 925);
  EXPECT_EQ(create(pid, 0), 926);
  // The first free one from there on.
  EXPECT_EQ(destroy(pid, 925), 0);
  EXPECT_EQ(create(pid, 0), 925);
  // 1334 modulo 256 is 54: 216. The next process begins where four queues of this one end.
  const Pid neighbour = bare(1334);
  for (long id = 216; id < 221; ++id) {
    EXPECT_EQ(create(neighbour, 0), id);
  }
  EXPECT_EQ(create(bare(1335), 0), 220);
}

TEST_F(PatchedKfdModelTest, BehindTheLastIdComesTheLowestFreeOne) {
  // 255 times 4 is 1020, and ids end at 1023.
  const Pid pid = bare(255);
  for (long id = 1020; id < 1024; ++id) {
    EXPECT_EQ(create(pid, 0), id);
  }
  EXPECT_EQ(create(pid, 0), 0);
  EXPECT_EQ(create(pid, 0), 1);
}

class HardenedDestroyTest : public SuspendedDestroyTest {
 protected:
  static SystemOptions options() {
    SystemOptions system = free_system();
    system.personality = find_personality("upstream-6.12.107").value();
    return system;
  }
  HardenedDestroyTest() : SuspendedDestroyTest(options()) {}
};

TEST_F(HardenedDestroyTest, SecondOneIsBusy) {
  const auto second = begin_destroy();
  settle();
  EXPECT_EQ(*second, -EBUSY);
}

// ---- UPDATE_QUEUE, SET_CU_MASK

TEST_F(PricedKfdModelTest, UpdateCostsOneUnmapAndMapWhateverChanges) {
  const Pid pid = bare(1);
  create(pid, 0);
  const auto update = [&](KfdModel::QueueUpdate what) {
    return timed(
        [&](KfdModel::Reply reply) { kfd().update_queue(pid, 0, what, std::move(reply)); });
  };
  const Duration cycle = kIoctl + kUnmap + build(2);
  EXPECT_EQ(update({.percentage = {}, .priority = 7}), std::make_pair(0L, cycle));
  EXPECT_EQ(update({.percentage = 0, .priority = {}}), std::make_pair(0L, cycle - build(2)));
  EXPECT_EQ(update({.percentage = 100, .priority = {}}), std::make_pair(0L, cycle - kUnmap));
  EXPECT_EQ(timed([&](KfdModel::Reply reply) {
              kfd().set_cu_mask(pid, 0, {~0U, ~0U, ~0U}, std::move(reply));
            }),
            std::make_pair(0L, cycle));
  ASSERT_EQ(kfd().calls().size(), 4U);
  EXPECT_EQ(kfd().calls()[0].kind, ControlKind::kPriority);
  EXPECT_EQ(kfd().calls()[1].kind, ControlKind::kPercentage);
  EXPECT_EQ(kfd().calls()[3].kind, ControlKind::kCuMask);
}

TEST_F(KfdModelTest, UpdateIsRefusedWithTheDriversErrno) {
  const Pid pid = bare(1);
  create(pid, 0);
  EXPECT_EQ(update(pid, 0, {.percentage = 101, .priority = {}}), -EINVAL);
  EXPECT_EQ(update(pid, 0, {.percentage = {}, .priority = 16}), -EINVAL);
  EXPECT_EQ(update(pid, 1, {.percentage = 0, .priority = {}}), -EFAULT);
  const auto mask = [&](std::uint32_t id, std::vector<std::uint32_t> words) {
    return answer([&](KfdModel::Reply reply) {
      kfd().set_cu_mask(pid, id, std::move(words), std::move(reply));
    });
  };
  EXPECT_EQ(mask(0, {}), -EINVAL);
  EXPECT_EQ(mask(1, {~0U}), -EFAULT);
}

TEST_F(KfdModelTest, QueueAtZeroPercentStopsAndLosesNothing) {
  const Pid pid = launch(endless(1));
  system.start();
  settle();
  EXPECT_EQ(update(pid, 0, {.percentage = 0, .priority = {}}), 0);
  const Duration work = system.progress(pid).work;
  settle();
  EXPECT_EQ(system.progress(pid).work, work);
  EXPECT_EQ(update(pid, 0, {.percentage = 100, .priority = {}}), 0);
  EXPECT_EQ(system.progress(pid).work, work + milliseconds(50));
}

TEST_F(PricedKfdModelTest, UpdateOfASuspendedQueuePreemptsEverybodyAndWakesNobody) {
  const Pid pid = launch(endless(1));
  const Pid bystander = launch(endless(1));
  attach(pid);
  system.start();
  ASSERT_EQ(control(true, pid, {0}).first, 1);
  const Duration before = system.progress(bystander).bystander;
  const Duration work = system.progress(pid).work;
  EXPECT_EQ(update(pid, 0, {.percentage = 100, .priority = {}}), 0);
  EXPECT_GT(system.progress(bystander).bystander, before);
  EXPECT_EQ(system.progress(pid).work, work);
}

TEST_F(KfdModelTest, HigherPriorityPlacesNewWorkFirst) {
  const Pid pid = launch(endless(1));
  const Pid rival = launch(endless(1));
  system.start();
  EXPECT_EQ(update(pid, 0, {.percentage = {}, .priority = 15}), 0);
  const Duration work = system.progress(rival).work;
  settle();
  EXPECT_LE(system.progress(rival).work - work, microseconds(900));  // what was resident
}

TEST_F(KfdModelTest, HalfTheComputeUnitsTakeTwiceTheTime) {
  const Pid pid = launch(endless(1));
  // Bits go to the 4 XCCs in turn: 40 of them leave 10 CUs each.
  EXPECT_EQ(answer([&](KfdModel::Reply reply) {
              kfd().set_cu_mask(pid, 0, {~0U, 0xffU}, std::move(reply));
            }),
            0);
  system.start();
  timeline.run_until(timeline.now() + milliseconds(36));
  EXPECT_EQ(system.progress(pid).kernels, 20U);
}

// ---- what HIP and ROCr make

class HipTest : public KfdModelTest {
 protected:
  std::vector<KfdModel::QueueEntry> queues_of(Pid pid) {
    std::vector<KfdModel::QueueEntry> result;
    EXPECT_EQ(enable(pid), 0);
    kfd().snapshot(me, pid, 0, KfdModel::kMaxIds,
                   [&](long, const auto& entries) { result = entries; });
    settle();
    return result;
  }
  static Program hip(std::uint32_t streams, std::uint32_t priority = 7) {
    Program program = endless(streams);
    program.runtime = Runtime::kHip;
    program.hardware_priority = priority;
    return program;
  }
};

TEST_F(HipTest, InternalQueueComesFirstThenSdmaThenTheUsers) {
  const std::vector<KfdModel::QueueEntry> queues = queues_of(launch(hip(1)));
  ASSERT_EQ(queues.size(), 4U);  // newest first
  EXPECT_EQ(queues[3].id, 0U);
  EXPECT_EQ(queues[3].ring_bytes, 64U * 64U);
  EXPECT_EQ(queues[3].type, QueueType::kCompute);
  EXPECT_EQ(queues[2].type, QueueType::kSdma);
  EXPECT_EQ(queues[1].type, QueueType::kSdma);
  EXPECT_EQ(queues[0].type, QueueType::kCompute);
  EXPECT_GT(queues[0].ring_bytes, queues[3].ring_bytes);
}

TEST_F(HipTest, FurtherStreamsShareAPoolOfFour) {
  const Pid pid = launch(hip(6));
  EXPECT_EQ(queues_of(pid).size(), 1U + 2U + 4U);
  ASSERT_TRUE(system.create_queue(pid).has_value());
  EXPECT_EQ(kfd().active_queues(0), 1U + 4U);
}

TEST_F(HipTest, OtherPriorityIsSetAfterCreation) {
  launch(hip(2, 7));
  EXPECT_TRUE(kfd().calls().empty());
  launch(hip(2, 11));
  ASSERT_EQ(kfd().calls().size(), 2U);
  EXPECT_EQ(kfd().calls()[0].kind, ControlKind::kPriority);
}

TEST_F(HipTest, ItsWorkRunsOnTheUserQueues) {
  const Pid pid = launch(hip(1));
  system.start();
  settle();
  EXPECT_EQ(system.progress(pid).work, milliseconds(50));
}

}  // namespace
}  // namespace gpreempt::sim
