// Opening, observing and hints. Goal: each reason why the hardware cannot be used has its own text,
// and an observed process is neither traced nor controlled.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/testbed.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "tests/kfd/backend_test.h"
#include "tests/kfd/fake_driver.h"

namespace gpreempt::kfd {
namespace {

class OpenTest : public ::testing::Test {
 protected:
  Error open_error() {
    const auto opened = open_backend(driver_, {});
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }
  FakeDriver driver_;
};

TEST_F(OpenTest, MissingDeviceSaysThatAmdkfdIsNotLoaded) {
  driver_.fail_open(ENOENT);
  const auto error = open_error();
  EXPECT_EQ(error.code, Errc::kNoSuchDevice);
  EXPECT_EQ(error.sys_errno, ENOENT);
  EXPECT_NE(error.what.find("amdkfd is not loaded"), std::string::npos);
}

TEST_F(OpenTest, ForbiddenDeviceNamesTheGroup) {
  driver_.fail_open(EACCES);
  const auto error = open_error();
  EXPECT_EQ(error.code, Errc::kNotPermitted);
  EXPECT_NE(error.what.find("render"), std::string::npos);
}

TEST_F(OpenTest, DriverWithoutAGpuIsNoDevice) {
  driver_.fail_open(EINVAL);
  EXPECT_EQ(open_error().code, Errc::kNoSuchDevice);
}

TEST_F(OpenTest, OtherDeviceIsUnsupported) {
  driver_.set_version(ENOTTY, {});
  EXPECT_EQ(open_error().code, Errc::kUnsupported);
}

TEST_F(OpenTest, DriverWithoutTheDebuggerIsTooOld) {
  driver_.set_version(0, {.major_version = 1, .minor_version = 12});
  const auto error = open_error();
  EXPECT_EQ(error.code, Errc::kUnsupported);
  EXPECT_NE(error.what.find("1.12"), std::string::npos);
  driver_.set_version(0, {.major_version = 2, .minor_version = 13});
  EXPECT_EQ(open_error().code, Errc::kUnsupported);
}

TEST_F(OpenTest, FirstVersionWithTheDebuggerIsEnough) {
  driver_.set_version(0, {.major_version = 1, .minor_version = 13});
  const auto opened = open_backend(driver_, {});
  ASSERT_TRUE(opened);
  EXPECT_TRUE((*opened)->close());
}

TEST_F(OpenTest, DriverIsNamedByItsPackage) {
  auto upstream = open_backend(driver_, {}).value();
  EXPECT_EQ(upstream->info().driver, "upstream");
  EXPECT_TRUE(upstream->close());
  driver_.set_file("/sys/module/amdgpu/version", "6.12.12\n");
  auto dkms = open_backend(driver_, {}).value();
  EXPECT_EQ(dkms->info().driver, "dkms-6.12.12");
  EXPECT_TRUE(dkms->close());
}

TEST_F(OpenTest, WhatTheEnvironmentShowsCountsOnlyForProgramsThatAreStarted) {
  driver_.set_file("/proc/self/environ", "ROCR_VISIBLE_DEVICES=-1");
  const auto refused = open_backend(driver_, {.for_programs = true});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kNoSuchDevice);
  const auto opened = open_backend(driver_, {.for_programs = false});
  ASSERT_TRUE(opened) << opened.error().what;
  EXPECT_EQ((*opened)->info().gpus.size(), 1U);
  EXPECT_TRUE((*opened)->close());
}

TEST(KfdTestbed, WithoutHipProgramsItEndsInAReason) {
  const auto testbed = open_testbed(
      {.text_of = [](const Program&) { return std::string(); }, .open = {}, .gpus = 1});
  ASSERT_FALSE(testbed);
  EXPECT_FALSE(testbed.error().what.empty());
}

class ObserveTest : public BackendTest {
 protected:
  void SetUp() override { open(); }
  void observe() {
    target_ = backend_->attach(FakeDriver::kTargetPid, AttachMode::kObserve).value();
    EXPECT_FALSE(take<AttachDone>().error);
  }
};

TEST_F(ObserveTest, ObservedProcessIsLeftAlone) {
  observe();
  ASSERT_TRUE(backend_->detach(target_));
  EXPECT_EQ(take<DetachDone>().target, target_);
  EXPECT_EQ(driver_.log(), Log{});
}

TEST_F(ObserveTest, ControlIsNotPermitted) {
  observe();
  const std::vector<QueueId> ids{QueueId(0)};
  EXPECT_EQ(backend_->control(target_, ids, Resume{}).error().code, Errc::kNotPermitted);
  EXPECT_EQ(raw_->control(target_, ids, Resume{}).error().code, Errc::kNotPermitted);
}

TEST_F(ObserveTest, AbsentProcessHasExited) {
  ASSERT_TRUE(backend_->attach(Pid(1), AttachMode::kObserve));
  const auto done = take<AttachDone>();
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, Errc::kProcessExited);
}

TEST_F(ObserveTest, ExitIsReported) {
  observe();
  driver_.exit_observed();
  EXPECT_EQ(take<TargetExited>().target, target_);
  EXPECT_EQ(raw_->detach(target_).error().code, Errc::kInvalidArgument);
}

TEST_F(ObserveTest, HintsBecomeEventsOfTheTarget) {
  observe();
  raw_->work_arrived(FakeDriver::kTargetPid, 3);
  raw_->work_finished(FakeDriver::kTargetPid, 3);
  const auto arrived = take<WorkArrived>();
  EXPECT_EQ(arrived.target, target_);
  EXPECT_EQ(arrived.request, 3U);
  EXPECT_EQ(take<WorkFinished>().request, 3U);
}

TEST_F(ObserveTest, HintsAboutStrangersAreDropped) {
  observe();
  raw_->work_arrived(Pid(1), 1);
  raw_->work_arrived(FakeDriver::kTargetPid, 2);
  EXPECT_EQ(take<WorkArrived>().request, 2U);
}

TEST_F(ObserveTest, WatchWithoutDebugfsSaysWhyNot) {
  observe();
  const auto watched = backend_->watch(target_, Duration(1));
  ASSERT_FALSE(watched);
  EXPECT_EQ(watched.error().code, Errc::kUnsupported);
  EXPECT_NE(watched.error().what.find("mount debugfs"), std::string::npos);
}

TEST_F(ObserveTest, InspectGivesTheFileOrWhyNot) {
  driver_.set_file("/sys/kernel/debug/kfd/rls", "Node 2, gpu_id f7bc:\n  No active runlist\n");
  const auto there = backend_->inspect(InspectView::kRunlists).value();
  const auto shown = take<InspectDone>();
  EXPECT_EQ(shown.request, there);
  EXPECT_EQ(shown.text, "Node 2, gpu_id f7bc:\n  No active runlist\n");
  (void)backend_->inspect(InspectView::kHqds).value();
  const auto missing = take<InspectDone>();
  ASSERT_TRUE(missing.error);
  EXPECT_NE(missing.error->what.find("/sys/kernel/debug/kfd/hqds"), std::string::npos);
}

TEST_F(ObserveTest, QueuesAreThoseOfSysfsWithTheirRoles) {
  const std::string folder = "/sys/class/kfd/kfd/proc/4711/queues/";
  const auto put = [&](const std::string& id, const std::string& size, const std::string& type) {
    driver_.set_file(folder + id + "/gpuid", "63420");
    driver_.set_file(folder + id + "/size", size);
    driver_.set_file(folder + id + "/type", type);
  };
  put("0", "4096", "0");
  put("1", "1048576", "1");
  put("10", "1048576", "0");
  target_ = backend_->attach(FakeDriver::kTargetPid, AttachMode::kObserve).value();
  const auto internal = take<QueueBorn>().queue;
  EXPECT_EQ(internal.role, QueueRole::kInternal);
  EXPECT_EQ(internal.gpu, GpuId(63420));
  EXPECT_EQ(take<QueueBorn>().queue.role, QueueRole::kSdma);
  const auto user = take<QueueBorn>().queue;
  EXPECT_EQ(user.role, QueueRole::kUser);
  EXPECT_EQ(user.kernel_id, 10U);
  EXPECT_FALSE(take<AttachDone>().error);
  EXPECT_EQ(backend_->queues(target_).size(), 3U);
  EXPECT_EQ(driver_.log(), Log{});
}

TEST_F(ObserveTest, NothingHappensUntilTheDeadline) {
  const auto event = backend_->next_event(backend_->now());
  ASSERT_TRUE(event);
  EXPECT_FALSE(event->has_value());
}

TEST(HipLaunch, ProgramThatOnlyHasQueuesCanBeRunAndOneOfAPriorityBeyondHipNot) {
  Program program;
  program.name = "idle";
  program.queues = 16;
  program.idle_gpus = {1};
  for (const std::uint32_t priority : {0U, 7U, 11U}) {
    program.hardware_priority = priority;
    EXPECT_TRUE(check_hip_can_run(program)) << priority;
  }
  program.hardware_priority = 15;
  const auto refused = check_hip_can_run(program);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kUnsupported);
  EXPECT_NE(refused.error().what.find("reaches 0, 7 and 11"), std::string::npos);
}

TEST(HipLaunch, EnginesAndGangsAreLeftToTheirOwnPrograms) {
  Program engine;
  engine.serving = Serving{};
  Program gang;
  gang.trains = {{KernelRun{.collective = true}}};
  for (const Program& program : {engine, gang}) {
    const auto refused = check_hip_can_run(program);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kUnsupported);
    EXPECT_NE(refused.error().what.find("gpreempt run"), std::string::npos);
  }
}

}  // namespace
}  // namespace gpreempt::kfd
