// Goal: whoever would be disturbed is known before anything is touched, and what is not safe is
// refused with what to do. Method: a machine in memory whose calls that touch something fail the
// test.
#include "backends/kfd/safety/safety_plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/kfd/safety/kmsg_box.h"

namespace gpreempt::kfd {
namespace {

using std::chrono::minutes;

/// A box that may be looked at and not touched.
class LookOnlyBox final : public KmsgBox {
 public:
  [[nodiscard]] SysResult<long> ioctl(Fd /*fd*/, std::uint32_t /*request*/,
                                      void* /*arg*/) override {
    ADD_FAILURE() << "the driver was asked for something";
    return sys_fail(EPERM);
  }
  [[nodiscard]] SysResult<long> ptrace(PtraceOp /*op*/, Tid /*tid*/,
                                       std::uint64_t /*arg*/) override {
    ADD_FAILURE() << "somebody was traced";
    return sys_fail(EPERM);
  }
  [[nodiscard]] SysResult<Pid> start(std::span<const std::string> /*argv*/,
                                     std::span<const std::string> /*env*/,
                                     bool /*stopped*/) override {
    ADD_FAILURE() << "a process was started";
    return sys_fail(EPERM);
  }
  SysResult<void> signal(Fd /*pidfd*/, int /*number*/) override {
    ADD_FAILURE() << "a signal was sent";
    return sys_fail(EPERM);
  }
  [[nodiscard]] SysResult<std::size_t> write(Fd /*fd*/,
                                             std::span<const std::byte> /*from*/) override {
    ADD_FAILURE() << "something was written";
    return sys_fail(EPERM);
  }
};

class SafetyPlanTest : public ::testing::Test {
 protected:
  SafetyPlanTest() {
    request_.targets = {FakeBox::kTarget};
    put_queue(FakeBox::kTarget.value(), 0);
    put_queue(FakeBox::kTarget.value(), 1);
  }

  void put_queue(int pid, int id) {
    const std::string folder = fmt::format("{}{}/queues/{}/", FakeBox::kQueues, pid, id);
    box_.put(folder + "gpuid", "63420");
    box_.put(folder + "size", "1048576");
    box_.put(folder + "type", "0");
  }
  void add_bystander(int pid) {
    put_queue(pid, 0);
    box_.put(fmt::format("{}{}/vram_63420", FakeBox::kQueues, pid), "0");
    box_.put(fmt::format("/proc/{}/status", pid), "Name:\tvllm\nTracerPid:\t0\n");
    box_.put(fmt::format("/proc/{}/comm", pid), "vllm\n");
  }
  /// So long ago.
  void put_trouble(Duration age) {
    const Instant at = box_.now() - age;
    box_.reads = {{fmt::format(
        "3,1,{},-;amdgpu 0000:1a:00.0: amdgpu: GPU reset begin!\n",
        std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count())}};
  }
  SafetyPlan plan() { return plan_safety(box_, request_).value(); }
  /// Empty: it was not refused.
  std::string refusal() {
    const auto checked = check_safety(plan(), request_);
    return checked ? std::string() : checked.error().what;
  }
  Errc code() {
    const auto checked = check_safety(plan(), request_);
    EXPECT_FALSE(checked);
    return checked ? Errc::kInternal : checked.error().code;
  }

  LookOnlyBox box_;
  SafetyRequest request_{.verb = "run"};
};

TEST_F(SafetyPlanTest, ProcessByItselfMayBeControlled) {
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(plan_text(plan(), request_),
            "controls\n"
            "  pid 4711 (python3): 2 queues now\n"
            "preempts\n"
            "  GPU f7bc: by each suspend and resume\n"
            "disturbs\n"
            "  nobody else\n"
            "watches\n"
            "  the kernel's log /dev/kmsg\n"
            "  no error counts: no GPU shows any\n");
}

TEST_F(SafetyPlanTest, ProcessThatWasNotNamedIsRefusedUnlessAnybodyMayBeDisturbed) {
  add_bystander(812);
  EXPECT_EQ(
      refusal(),
      "run: pid 812 (vllm): 1 queue on GPU f7bc is preempted by each suspend and resume; name "
      "those that may be, as --bystander 812, or add --allow-bystanders");
  EXPECT_EQ(code(), Errc::kInvalidArgument);
  request_.allow_bystanders = true;
  EXPECT_EQ(refusal(), "");
  request_.allow_bystanders = false;
  request_.named = {Pid(812)};
  EXPECT_EQ(refusal(), "");
}

TEST_F(SafetyPlanTest, ExclusiveHiveIsCheckedWhateverElseIsAllowed) {
  request_.exclusive_hive = true;
  EXPECT_EQ(refusal(), "");
  add_bystander(812);
  request_.allow_bystanders = true;
  EXPECT_NE(refusal().find("--exclusive-hive says that nobody else uses"), std::string::npos)
      << refusal();
  request_.named = {Pid(812)};
  EXPECT_EQ(refusal(), "");
}

TEST_F(SafetyPlanTest, WhatIsRiskyNeedsTheHiveToItself) {
  request_.is_risky = true;
  EXPECT_NE(refusal().find("add --exclusive-hive"), std::string::npos) << refusal();
  request_.allow_bystanders = true;
  EXPECT_NE(refusal(), "");
  request_.exclusive_hive = true;
  EXPECT_EQ(refusal(), "");
}

TEST_F(SafetyPlanTest, ProcessThatIsToComeMayHaveQueuesOnAnyGpu) {
  request_.targets.clear();
  EXPECT_EQ(plan().radius.gpus.size(), 0U);
  request_.launches = true;
  const SafetyPlan planned = plan();
  ASSERT_EQ(planned.radius.gpus.size(), 1U);
  EXPECT_GT(planned.radius.gpus.front().queues, 0U);
  // The one that is there is somebody else's now.
  EXPECT_NE(refusal().find("pid 4711 (python3): 2 queues"), std::string::npos) << refusal();
}

TEST_F(SafetyPlanTest, WhoCannotSeeTheOthersIsRefused) {
  box_.put_link("/proc/self/ns/pid", "pid:[4026531999]");
  EXPECT_NE(refusal().find("whom it would disturb cannot be seen"), std::string::npos) << refusal();
  request_.allow_bystanders = true;
  EXPECT_EQ(refusal(), "");
  request_.exclusive_hive = true;
  EXPECT_NE(refusal(), "");
}

TEST_F(SafetyPlanTest, LogThatCannotBeReadIsRefusedUnlessItIsGivenUp) {
  box_.open_error = EPERM;
  EXPECT_EQ(code(), Errc::kNotPermitted);
  EXPECT_NE(plan_text(plan(), request_).find("refused: watch the kernel's log /dev/kmsg"),
            std::string::npos);
  request_.trouble.kernel_log.clear();
  EXPECT_EQ(refusal(), "");
  EXPECT_NE(plan_text(plan(), request_).find("not the kernel's log, as asked"), std::string::npos);
}

TEST_F(SafetyPlanTest, TroubleOfLatelyIsRefusedAndThatOfLongAgoIsToldOf) {
  put_trouble(minutes(2));
  const auto checked = check_safety(plan(), request_);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Errc::kHardwareFailure);
  EXPECT_NE(checked.error().what.find("GPU reset begin!"), std::string::npos)
      << checked.error().what;
  put_trouble(minutes(2));
  request_.trouble.back_off = minutes(1);
  const SafetyPlan later = plan();
  EXPECT_TRUE(check_safety(later, request_));
  ASSERT_EQ(later.warnings.size(), 1U);
  EXPECT_NE(later.warnings.front().find("GPU reset begin!"), std::string::npos);
}

TEST_F(SafetyPlanTest, LogIsClosedAgain) {
  (void)plan();
  EXPECT_EQ(box_.opened, 0);
  put_trouble(minutes(2));
  (void)plan();
  EXPECT_EQ(box_.opened, 0);
}

}  // namespace
}  // namespace gpreempt::kfd
