// The doctor as a whole, and the healthy machines that are not the usual one. Goal: it says of each
// that it is healthy; it asks a saved tree for nothing that only a machine can tell.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/doctor/doctor.h"
#include "tests/kfd/fake_box.h"
#include "tests/kfd/safety/kmsg_box.h"

namespace gpreempt::kfd::doctor {
namespace {

class DoctorOf : public ::testing::Test {
 protected:
  Verdict verdict_of(const std::string& id) {
    const auto findings = examine(box_, options_);
    const auto found = std::ranges::find(findings, id, &Finding::id);
    EXPECT_NE(found, findings.end()) << id;
    return found == findings.end() ? Verdict::kBlocked : found->verdict;
  }

  FakeBox box_;
  DoctorOptions options_{.pid = FakeBox::kTarget};
};

TEST_F(DoctorOf, TheWorstFindingIsTheVerdict) {
  EXPECT_EQ(overall({}), Verdict::kOk);
  const std::vector<Finding> findings = {{.verdict = Verdict::kWarning},
                                         {.verdict = Verdict::kBlocked},
                                         {.verdict = Verdict::kUnknown}};
  EXPECT_EQ(overall(findings), Verdict::kBlocked);
}

TEST_F(DoctorOf, IdsAreUniqueAndWordsWithDashes) {
  const auto ids = check_ids();
  EXPECT_EQ(std::set<std::string_view>(ids.begin(), ids.end()).size(), ids.size());
  for (const std::string_view id : ids) {
    EXPECT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos) << id;
  }
}

TEST_F(DoctorOf, WithoutATargetOneSentenceSaysSo) {
  options_.pid.reset();
  EXPECT_EQ(verdict_of("target"), Verdict::kUnknown);
  for (const Finding& finding : examine(box_, options_)) {
    EXPECT_FALSE(finding.id.starts_with("target-")) << finding.id;
  }
}

TEST_F(DoctorOf, WhatIsNotWellHasAFix) {
  box_.remove("/sys");
  box_.remove("/proc");
  box_.remove("/dev");
  for (const Finding& finding : examine(box_, options_)) {
    if (finding.verdict != Verdict::kOk) {
      EXPECT_FALSE(finding.fix.empty()) << finding.id;
    }
    EXPECT_FALSE(finding.reason.empty()) << finding.id;
    EXPECT_FALSE(finding.subject.empty()) << finding.id;
  }
}

TEST_F(DoctorOf, EachGpuIsLookedAt) {
  const std::string node = "/sys/class/kfd/kfd/topology/nodes/2";
  box_.put(node + "/properties", box_.read_file(FakeBox::kNode + "/properties").value());
  box_.put(node + "/gpu_id", "61531\n");
  box_.set_line(node + "/properties", "capability", "0");
  std::vector<std::string> ill;
  for (const Finding& finding : examine(box_, options_)) {
    if (finding.id == "debug-firmware" && finding.verdict == Verdict::kBlocked) {
      ill.push_back(finding.subject);
    }
  }
  EXPECT_EQ(ill, std::vector<std::string>{"GPU f05b"});
}

TEST_F(DoctorOf, AnUpstreamKernelThatWasReadIsWell) {
  box_.remove("/sys/module/amdgpu/version");
  box_.put("/sys/module/amdgpu/taint", "\n");
  box_.put("/proc/sys/kernel/osrelease", "6.12.107\n");
  EXPECT_EQ(verdict_of("personality"), Verdict::kOk);
  EXPECT_EQ(verdict_of("driver-patches"), Verdict::kOk);
  EXPECT_EQ(verdict_of("pc-sampling"), Verdict::kOk);
}

TEST_F(DoctorOf, TheReleaseIsAlsoReadFromTheBanner) {
  box_.remove("/sys/module/amdgpu/version");
  box_.remove("/proc/sys/kernel/osrelease");
  box_.put("/proc/version", "Linux version 6.12.95-1 (build@host) #1 SMP\n");
  EXPECT_EQ(verdict_of("personality"), Verdict::kOk);
}

TEST_F(DoctorOf, SlotsAreCountedPerXccOrPerGpu) {
  // What amdgpu 6.12.12 printed on MI308X with num_kcq=2: 30 slots on each of 4 XCCs.
  box_.put(FakeBox::kParameters + "num_kcq", "2\n");
  box_.set_line(FakeBox::kNode + "/properties", "num_cp_queues", "120");
  EXPECT_EQ(verdict_of("hqd-slots"), Verdict::kOk);
  box_.set_line(FakeBox::kNode + "/properties", "num_cp_queues", "30");
  EXPECT_EQ(verdict_of("hqd-slots"), Verdict::kOk);
}

TEST_F(DoctorOf, AGpuWithoutPartitionsAndIsolationIsWell) {
  box_.remove(FakeBox::kDevice + "/current_compute_partition");
  box_.remove(FakeBox::kDevice + "/enforce_isolation");
  box_.put(FakeBox::kParameters + "enforce_isolation", "0\n");
  EXPECT_EQ(verdict_of("partition"), Verdict::kOk);
  EXPECT_EQ(verdict_of("isolation"), Verdict::kOk);
}

TEST_F(DoctorOf, APartitionsDeviceIsItsGpus) {
  // Partition 2 of the device at bus 0x1a: bits 31 to 28.
  box_.set_line(FakeBox::kNode + "/properties", "location_id", "536877568");
  EXPECT_EQ(verdict_of("partition"), Verdict::kOk);
}

TEST_F(DoctorOf, AFilterThatLetsPtracePassIsWell) {
  box_.set_line("/proc/self/status", "Seccomp", "2");
  EXPECT_EQ(verdict_of("seccomp"), Verdict::kOk);
}

TEST_F(DoctorOf, TheCapabilityOverrulesYama) {
  box_.put("/proc/sys/kernel/yama/ptrace_scope", "2\n");
  EXPECT_EQ(verdict_of("ptrace-scope"), Verdict::kOk);
  box_.remove("/proc/sys/kernel/yama/ptrace_scope");
  EXPECT_EQ(verdict_of("ptrace-scope"), Verdict::kOk);
}

TEST_F(DoctorOf, TheOldFreezerIsFoundToo) {
  box_.put("/proc/self/cgroup", "7:freezer:/docker/x\n0::/ignored\n");
  box_.remove("/sys/fs/cgroup/cgroup.procs");
  EXPECT_EQ(verdict_of("outside-watchdog"), Verdict::kWarning);
  box_.put("/sys/fs/cgroup/freezer/cgroup.procs", "");
  EXPECT_EQ(verdict_of("outside-watchdog"), Verdict::kOk);
}

TEST_F(DoctorOf, TheRootGroupIsNeverFrozen) {
  box_.put("/proc/self/cgroup", "0::/\n");
  box_.put("/proc/4711/cgroup", "0::/\n");
  box_.fail("/sys/fs/cgroup/cgroup.procs", EACCES);
  EXPECT_EQ(verdict_of("outside-watchdog"), Verdict::kOk);
  EXPECT_EQ(verdict_of("target-cgroup"), Verdict::kOk);
}

TEST(DoctorOfTheKernelLog, AnOldResetIsAWarningAndTheLogIsClosed) {
  KmsgBox box;
  box.reads = {{"3,5,90,-;amdgpu 0000:1a:00.0: amdgpu: GPU reset begin!\n"}};
  const auto findings = examine(box, {});
  const auto found = std::ranges::find(findings, "kernel-log", &Finding::id);
  ASSERT_NE(found, findings.end());
  EXPECT_EQ(found->verdict, Verdict::kWarning);
  EXPECT_NE(found->reason.find("GPU reset begin!"), std::string::npos) << found->reason;
  EXPECT_NE(found->fix.find("--back-off"), std::string::npos) << found->fix;
  EXPECT_EQ(box.opened, 0);
}

TEST_F(DoctorOf, ASavedTreeIsNotAskedWhatOnlyAMachineCanTell) {
  options_.saved_tree = true;
  box_.remove("/dev/kfd");
  box_.remove("/sys/kernel/debug");
  box_.remove("/proc/sys/kernel/yama");
  box_.set_line("/proc/self/status", "Seccomp", "2");
  box_.fail_ptrace(EPERM);
  for (const std::string id :
       {"kfd-device", "kfd-access", "kfd-without-gpu", "kfd-version", "ptrace-scope", "seccomp",
        "debugfs", "kernel-log", "outside-watchdog"}) {
    EXPECT_EQ(verdict_of(id), Verdict::kUnknown) << id;
  }
  EXPECT_EQ(overall(examine(box_, options_)), Verdict::kUnknown);
}

TEST_F(DoctorOf, AnEmptySavedTreeBlocksNothing) {
  options_ = {.saved_tree = true};
  for (const std::string top : {"/dev", "/proc", "/sys"}) {
    box_.remove(top);
  }
  EXPECT_EQ(overall(examine(box_, options_)), Verdict::kUnknown);
}

}  // namespace
}  // namespace gpreempt::kfd::doctor
