// Goal: the GPUs that the tool takes for those of its programs are those that ROCm shows to them.
// Method: an environment in memory.
#include "backends/kfd/visible_gpus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/hold/blast_radius.h"
#include "backends/kfd/safety/safety_plan.h"
#include "backends/kfd/topology.h"
#include "core/error.h"
#include "core/ids.h"
#include "tests/kfd/fake_box.h"
#include "tests/kfd/safety/kmsg_box.h"

namespace gpreempt::kfd {
namespace {

using namespace std::string_literals;

class VisibleGpus : public ::testing::Test {
 protected:
  void set(const std::string& value) {
    box_.put("/proc/self/environ",
             "PATH=/bin\0ROCR_VISIBLE_DEVICES="s + value + "\0ROCR_VISIBLE_DEVICES=9\0HOME=/\0"s);
  }
  Result<std::vector<std::uint32_t>> ids() {
    return visible_gpus(box_, machine_, "/proc").map([](const std::vector<GpuNode>& gpus) {
      std::vector<std::uint32_t> found(gpus.size());
      std::ranges::transform(gpus, found.begin(),
                             [](const GpuNode& gpu) { return gpu.info.id.value(); });
      return found;
    });
  }
  static GpuNode gpu(std::uint32_t id, std::uint64_t unique_id) {
    GpuNode node;
    node.info.id = GpuId(id);
    node.unique_id = unique_id;
    return node;
  }
  using Ids = std::vector<std::uint32_t>;
  KmsgBox box_;
  std::vector<GpuNode> machine_ = {gpu(0x10, 0xab00), gpu(0x20, 0x1234567890abcdef),
                                   gpu(0x30, 0x1234567890abcd00)};
};

TEST_F(VisibleGpus, AllWithoutAChoice) {
  EXPECT_EQ(ids(), Ids({0x10, 0x20, 0x30}));
  box_.put("/proc/self/environ", "HIP_VISIBLE_DEVICES=1\0NOT_ROCR_VISIBLE_DEVICES=1\0"s);
  EXPECT_EQ(ids(), Ids({0x10, 0x20, 0x30}));
}

TEST_F(VisibleGpus, ThoseOfTheListInItsOrder) {
  set("2,0");
  EXPECT_EQ(ids(), Ids({0x30, 0x10}));
  set("GPU-000000000000ab00,1");
  EXPECT_EQ(ids(), Ids({0x10, 0x20}));
  set("GPU-1234567890abcde");
  EXPECT_EQ(ids(), Ids({0x20}));
}

TEST_F(VisibleGpus, WhatRocmWouldSilentlyLeaveOutIsRefused) {
  using Case = std::pair<const char*, const char*>;
  for (const auto& [wrong, why] :
       {Case("3", "'3' is an index that no GPU of this machine has"),
        Case("0,3", "'3' is an index that no GPU of this machine has"),
        Case("0,0", "'0' names a GPU that is named before"),
        Case("GPU-ab, 0,0", "'GPU-ab' is the unique id of no GPU"),
        Case("1,gpu-1234567890ABCDEF", "'gpu-1234567890ABCDEF' names a GPU that is named before"),
        Case("0,,1", "'' is no index and no unique id"), Case(" ", "'' is no index"),
        Case("0 1", "'0 1' is no index"), Case("a", "'a' is no index and no unique id"),
        Case("GPU-", "'GPU-' is the unique id of no GPU of this machine"),
        Case("GPU-12345", "'GPU-12345' begins the unique ids of several GPUs"),
        Case("GPU-ffff", "'GPU-ffff' is the unique id of no GPU of this machine")}) {
    set(wrong);
    const auto refused = ids();
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, Errc::kInvalidArgument) << wrong;
    EXPECT_NE(refused.error().what.find(why), std::string::npos) << refused.error().what;
    EXPECT_NE(refused.error().what.find("indices from 0 to 2"), std::string::npos)
        << refused.error().what;
  }
}

TEST_F(VisibleGpus, BlanksAroundAndTheCaseOfLettersDoNotMatter) {
  set("2, 0\t");
  EXPECT_EQ(ids(), Ids({0x30, 0x10}));
  set(" gpu-1234567890ABCDEF,GPU-000000000000AB00 ");
  EXPECT_EQ(ids(), Ids({0x20, 0x10}));
}

TEST_F(VisibleGpus, WithoutAUniqueIdAGpuIsNamedByItsIndexOnly) {
  machine_[0].unique_id = 0;
  set("GPU-0000000000000000");
  ASSERT_FALSE(ids());
  EXPECT_NE(ids().error().what.find("is the unique id of no GPU"), std::string::npos);
  set("0");
  EXPECT_EQ(ids(), Ids({0x10}));
}

TEST_F(VisibleGpus, MachineWithoutGpusHasNoneToChoose) {
  machine_.clear();
  set("0");
  ASSERT_FALSE(ids());
  EXPECT_EQ(ids().error().code, Errc::kNoSuchDevice);
  EXPECT_NE(ids().error().what.find("may use no GPU"), std::string::npos) << ids().error().what;
}

TEST_F(VisibleGpus, NoneIsSaidToBeNone) {
  for (const char* const none : {"", "-1"}) {
    set(none);
    ASSERT_FALSE(ids());
    EXPECT_EQ(ids().error().code, Errc::kNoSuchDevice);
  }
}

/// A second GPU, on which somebody else works.
class PlanOfVisibleGpus : public VisibleGpus {
 protected:
  PlanOfVisibleGpus() {
    const std::string node = "/sys/class/kfd/kfd/topology/nodes/2";
    box_.put(node + "/gpu_id", "6699\n");
    box_.put(node + "/properties",
             "simd_count 320\nsimd_per_cu 4\nnum_cp_queues 24\nmax_engine_clk_fcompute 2100\n");
    const std::string queue = std::string(FakeBox::kQueues) + "812/queues/0/";
    box_.put(queue + "gpuid", "6699");
    box_.put(queue + "size", "1048576");
    box_.put(queue + "type", "0");
    box_.put("/proc/812/status", "Name:\tvllm\nTracerPid:\t0\n");
    box_.put("/proc/812/comm", "vllm\n");
    request_.named = {FakeBox::kTarget};
  }
  BlastRadius::How worst() {
    const auto plan = plan_safety(box_, request_);
    EXPECT_TRUE(plan) << plan.error().what;
    EXPECT_EQ(plan->radius.bystanders.size(), 1U);
    return plan->radius.bystanders.at(0).how;
  }
  SafetyRequest request_{
      .verb = "run", .targets = {}, .named = {}, .launches = true, .trouble = {}, .roots = {}};
};

TEST_F(PlanOfVisibleGpus, ProcessesToComeHaveQueuesOnThemAndAttachingReachesTheOthers) {
  EXPECT_EQ(worst(), BlastRadius::How::kPreempted);
  set("0");
  EXPECT_EQ(worst(), BlastRadius::How::kRefreshed);
  set("1");
  EXPECT_EQ(worst(), BlastRadius::How::kPreempted);
}

TEST_F(PlanOfVisibleGpus, ChoiceOfNothingIsRefusedOnlyIfSomethingIsStarted) {
  set("-1");
  EXPECT_FALSE(plan_safety(box_, request_));
  request_.launches = false;
  EXPECT_TRUE(plan_safety(box_, request_));
}

}  // namespace
}  // namespace gpreempt::kfd
