// Goal: the hypothetical ioctls touch nothing but the queues named. Costs are sums of the
// parameters, by hand.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/sim/kfd_fixture.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

class SelectiveTest : public PricedKfdModelTest {
 protected:
  using Ioctl = void (KfdModel::*)(Pid, std::vector<std::uint32_t>, KfdModel::IdsReply);
  SelectiveTest() {
    system.start();
    settle();
  }
  std::pair<long, Ids> call(Ioctl ioctl, Ids ids) {
    std::pair<long, Ids> result{kNoAnswer, {}};
    (kfd().*ioctl)(target, std::move(ids),
                   [&](long answer, const Ids& after) { result = {answer, after}; });
    settle();
    return result;
  }
  /// One kernel that fills half the GPU.
  static Program half() {
    Program program = endless(1);
    program.trains[0][0].shape.workgroups = kFull / 2;
    return program;
  }
  Pid target = launch(half());
  Pid bystander = launch(half());
};

TEST_F(SelectiveTest, OnlyTheNamedQueueIsSavedAndTheOtherRunsOn) {
  const Duration work = system.progress(bystander).work;
  EXPECT_EQ(call(&KfdModel::selective_unmap, {0}), std::make_pair(1L, Ids{0}));
  EXPECT_EQ(system.progress(bystander).work, work + milliseconds(50));
  const DriverCall& record = kfd().calls().back();
  EXPECT_EQ(record.kind, ControlKind::kSelectiveUnmap);
  const std::uint64_t bytes = 320U * 4U * (256U * 64U + 4U * 104U + 128U);
  EXPECT_EQ(record.saved_bytes, bytes);
  // ioctl, packet, stop, save at 1 TB/s, fence; no build, no copy
  EXPECT_EQ(record.done - record.called,
            microseconds(1 + 10 + 3) + Duration((bytes + 999) / 1000) + microseconds(2));
}

TEST_F(SelectiveTest, PuttingItBackGoesOnWithItsWaves) {
  call(&KfdModel::selective_unmap, {0});
  const Duration work = system.progress(target).work;
  settle();
  EXPECT_EQ(system.progress(target).work, work);
  const Duration other = system.progress(bystander).work;
  EXPECT_EQ(call(&KfdModel::selective_map, {0}), std::make_pair(1L, Ids{0}));
  EXPECT_EQ(system.progress(bystander).work, other + milliseconds(50));
  EXPECT_GT(system.progress(target).work, work + milliseconds(49));
  EXPECT_EQ(kfd().calls().back().done - kfd().calls().back().called, microseconds(1 + 1));
}

TEST_F(SelectiveTest, ResetSavesNothingAndTheKernelStartsOver) {
  const DriverCall* record = nullptr;
  EXPECT_EQ(call(&KfdModel::reset_queues, {0}), std::make_pair(1L, Ids{0}));
  record = &kfd().calls().back();
  EXPECT_EQ(record->kind, ControlKind::kReset);
  EXPECT_EQ(record->saved_bytes, 0U);
  EXPECT_EQ(record->done - record->called, microseconds(1 + 10 + 3 + 2));
  const Duration work = system.progress(target).work;
  EXPECT_EQ(work % microseconds(900), Duration::zero());  // whole kernels only
  EXPECT_EQ(call(&KfdModel::selective_map, {0}).first, 1);
  EXPECT_GT(system.progress(target).work, work);
}

TEST_F(SelectiveTest, OthersRefreshesDoNotPutItBackAndItsDebuggersResumeDoes) {
  attach(target);
  call(&KfdModel::selective_unmap, {0});
  EXPECT_EQ(update(bystander, 0, {.percentage = 100, .priority = {}}), 0);
  const Duration work = system.progress(target).work;
  settle();
  EXPECT_EQ(system.progress(target).work, work);
  EXPECT_EQ(control(false, target, {0}).first, 1);
  EXPECT_GT(system.progress(target).work, work);
}

TEST_F(SelectiveTest, TwentyFifthQueueThatIsPutBackTakesTurnsWithTheOthers) {
  Program many = half();
  many.queues = 23;  // 25 with the two that are there
  const Pid third = launch(many);
  EXPECT_EQ(system.gpu(0).groups(), 2U);
  call(&KfdModel::selective_unmap, {0});
  EXPECT_EQ(update(third, 0, {.percentage = 100, .priority = {}}), 0);
  EXPECT_EQ(system.gpu(0).groups(), 1U);  // 24 without the one that is held
  EXPECT_EQ(call(&KfdModel::selective_map, {0}), std::make_pair(1L, Ids{0}));
  EXPECT_EQ(system.gpu(0).groups(), 2U);
}

TEST_F(SelectiveTest, SecondCooperativeQueueThatIsPutBackTakesTurnsWithTheFirst) {
  Program cooperative = half();
  cooperative.cooperative = true;
  const Pid first = launch(cooperative);
  const Pid second = launch(cooperative);
  EXPECT_EQ(system.gpu(0).groups(), 2U);
  const auto on_first = [&](Ioctl ioctl) {
    long result = kNoAnswer;
    (kfd().*ioctl)(first, {0}, [&](long answer, const Ids&) { result = answer; });
    settle();
    return result;
  };
  EXPECT_EQ(on_first(&KfdModel::selective_unmap), 1);
  EXPECT_EQ(update(second, 0, {.percentage = 100, .priority = {}}), 0);
  EXPECT_EQ(system.gpu(0).groups(), 1U);
  EXPECT_EQ(on_first(&KfdModel::selective_map), 1);
  EXPECT_EQ(system.gpu(0).groups(), 2U);
}

TEST_F(SelectiveTest, UnknownAndRepeatedIdsAreInvalid) {
  EXPECT_EQ(call(&KfdModel::selective_unmap, {5, 0, 0}),
            std::make_pair(1L, Ids{invalid(5), 0, invalid(0)}));
}

}  // namespace
}  // namespace gpreempt::sim
