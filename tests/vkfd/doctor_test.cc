// The doctor on the virtual machine. Goal: the model shows what a healthy machine shows, so that
// nothing is blocked on it; what is wrong with a process there is noticed.
#include "backends/kfd/doctor/doctor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/model_file.h"
#include "backends/vkfd/sim_os.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using kfd::doctor::Finding;
using kfd::doctor::Verdict;

const Finding& find(const std::vector<Finding>& findings, std::string_view id) {
  const auto found = std::ranges::find(findings, id, &Finding::id);
  EXPECT_NE(found, findings.end()) << id;
  return *found;
}

TEST(DoctorOnTheModel, FindsNothingBlockedOnAHealthyMi308x) {
  for (const std::string_view personality :
       {"dkms-6.12.12", "upstream-6.12.95", "upstream-6.12.107"}) {
    ASSERT_TRUE(run([&] {
      Rig rig(options(personality));
      const auto findings = kfd::doctor::examine(rig.os(), {});
      // What the model has no files for.
      const std::set<std::string, std::less<>> outside = {
          "pc-sampling", "ptrace-capability", "seccomp", "new-privileges", "processor", "target"};
      for (const Finding& finding : findings) {
        const auto expected = outside.contains(finding.id) ? Verdict::kUnknown : Verdict::kOk;
        if (finding.id != "pc-sampling") {
          EXPECT_EQ(finding.verdict, expected) << finding.id << ": " << finding.reason;
        }
      }
      EXPECT_NE(find(findings, "personality").reason.find(personality), std::string::npos);
      EXPECT_NE(find(findings, "hqd-slots").reason.find("24 compute slots on each of 4 XCCs"),
                std::string::npos);
    }));
  }
}

TEST(DoctorOnTheModel, WarnsOfABuildThatIsNoRelease) {
  ASSERT_TRUE(run([] {
    Rig rig(options("dkms-6.12.12-pid-ids"));
    const auto findings = kfd::doctor::examine(rig.os(), {});
    EXPECT_EQ(find(findings, "driver-patches").verdict, Verdict::kWarning);
    EXPECT_NE(find(findings, "driver-patches").reason.find("6.12.12-pid-ids"), std::string::npos);
  }));
}

TEST(DoctorOnTheModel, SeesTheQueuesOfOthers) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const auto target = rig.system().launch(training(2)).value();
    const auto findings = kfd::doctor::examine(rig.os(), {});
    EXPECT_EQ(find(findings, "other-processes").verdict, Verdict::kNote);
    EXPECT_NE(find(findings, "other-processes").reason.find(std::to_string(target.value())),
              std::string::npos);
  }));
}

TEST(DoctorOnTheModel, SeesThatTheDeviceIsClosedToOthers) {
  ASSERT_TRUE(run([] {
    Rig rig;
    constexpr std::uint32_t kRootOnly = 0600;
    constexpr std::uint32_t kSomebody = 1000;
    rig.machine().set_device_mode(kRootOnly);
    const auto os = SimOs::open(rig.machine(), kSomebody);
    const auto findings = kfd::doctor::examine(*os, {});
    EXPECT_EQ(find(findings, "kfd-access").verdict, Verdict::kBlocked);
  }));
}

TEST(DoctorOnTheModel, SeesPartitions) {
  ASSERT_TRUE(run([] {
    auto partitioned = options();
    constexpr std::uint32_t kKernelQueues = 8;
    partitioned.gpu = sim::find_model("mi308x-cpx", kKernelQueues).value().point;
    Rig rig(partitioned);
    const auto findings = kfd::doctor::examine(rig.os(), {});
    EXPECT_EQ(find(findings, "partition").verdict, Verdict::kNote);
    EXPECT_NE(find(findings, "partition").reason.find("CPX"), std::string::npos);
  }));
}

}  // namespace
}  // namespace gpreempt::vkfd
