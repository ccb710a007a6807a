// Goal: a verb that starts processes of its own asks whom it would disturb before it does, as `run`
// and `suspend` do. Method: a machine in memory with somebody else's queue.
#include "cli/own_processes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "cli/run_options.h"
#include "core/error.h"
#include "tests/kfd/fake_box.h"
#include "tests/kfd/safety/kmsg_box.h"

namespace gpreempt::cli {
namespace {

constexpr int kStranger = 812;

class OwnProcesses : public ::testing::Test {
 protected:
  OwnProcesses() {
    const std::string queue = fmt::format("{}{}/queues/0/", kfd::FakeBox::kQueues, kStranger);
    box_.put(queue + "gpuid", "63420");
    box_.put(queue + "size", "1048576");
    box_.put(queue + "type", "0");
    box_.put(fmt::format("{}{}/vram_63420", kfd::FakeBox::kQueues, kStranger), "0");
    box_.put(fmt::format("/proc/{}/status", kStranger), "Name:\tvllm\nTracerPid:\t0\n");
    box_.put(fmt::format("/proc/{}/comm", kStranger), "vllm\n");
  }
  kfd::KmsgBox box_;
  PlannedSteps planned_{.verb = "experiment", .backend = BackendKind::kKfd};
};

TEST_F(OwnProcesses, AStrangerOnAnyGpuIsRefusedUnlessNamedOrAllowed) {
  const Result<void> refused = check_others(box_, planned_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
  EXPECT_NE(refused.error().what.find("--bystander 812"), std::string::npos)
      << refused.error().what;
  planned_.bystanders = {"812"};
  EXPECT_TRUE(check_others(box_, planned_));
  planned_.bystanders.clear();
  planned_.allow_bystanders = true;
  EXPECT_TRUE(check_others(box_, planned_));
}

TEST_F(OwnProcesses, AnExclusiveHiveIsNotBelieved) {
  planned_.exclusive_hive = true;
  planned_.allow_bystanders = true;
  const Result<void> refused = check_others(box_, planned_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("--exclusive-hive"), std::string::npos)
      << refused.error().what;
}

TEST_F(OwnProcesses, OnAModelNobodyIsAsked) {
  planned_.backend = BackendKind::kVkfd;
  EXPECT_TRUE(check_others(box_, planned_));
}

}  // namespace
}  // namespace gpreempt::cli
