// Who uses the driver. Goal: everyone in its list with what /proc and sysfs say, nothing of another
// namespace's /proc, and who goes meanwhile is left out. Method: a machine in memory.
#include "backends/kfd/discovery/kfd_process.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"
#include "tests/kfd/fake_box.h"

namespace gpreempt::kfd {
namespace {

const std::string kHex = "3f4a9c0d1e2b5a6f7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b";

class KfdProcesses : public ::testing::Test {
 protected:
  KfdProcesses() {
    for (const std::string id : {"0", "1"}) {
      box_.put(FakeBox::kQueues + "4711/queues/" + id + "/size", id == "0" ? "4096" : "1048576");
      box_.put(FakeBox::kQueues + "4711/queues/" + id + "/type", "0");
    }
    box_.put(FakeBox::kQueues + "4711/vram_61883", "0");
    box_.put("/proc/4711/status",
             "Name:\tpython3\nPPid:\t4700\nTracerPid:\t99\nNSpid:\t4711\t12\n");
    box_.put("/proc/4711/cgroup", "0::/system.slice/docker-" + kHex + ".scope\n");
  }

  FakeBox box_;
};

TEST_F(KfdProcesses, AreAllOfTheDriversListWithTheirFacts) {
  box_.put(FakeBox::kQueues + "88/vram_63420", "0");
  const auto all = list_kfd_processes(box_).value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].pid, Pid(88));
  EXPECT_TRUE(all[0].queues.empty());
  EXPECT_EQ(all[0].name, "");  // it has no folder in /proc
  const KfdProcess& target = all[1];
  EXPECT_EQ(target.pid, Pid(4711));
  EXPECT_EQ(target.name, "python3");
  EXPECT_EQ(target.parent, Pid(4700));
  EXPECT_EQ(target.tracer, Pid(99));
  EXPECT_EQ(target.ns_pids, (std::vector{Pid(4711), Pid(12)}));
  EXPECT_EQ(target.container, kHex);
  // The GPU of its queues, and one that it only has memory on.
  EXPECT_EQ(target.gpus, (std::vector{GpuId(61883), GpuId(63420)}));
  ASSERT_EQ(target.queues.size(), 2U);
  EXPECT_EQ(target.queues[1].ring_size, 4096U);
}

TEST_F(KfdProcesses, AreNotMixedUpWithThoseOfAnotherNamespace) {
  box_.put_link("/proc/self/ns/pid", "pid:[4026532777]");
  const auto own = list_kfd_processes(box_).value();
  ASSERT_EQ(own.size(), 1U);
  EXPECT_EQ(own[0].name, "");
  EXPECT_EQ(own[0].queues.size(), 2U);
  // The host's /proc, mounted into a container: kthreadd is process 2 of the machine.
  box_.put("/proc/2/status", "Name:\tkthreadd\nPPid:\t0\n");
  EXPECT_EQ(list_kfd_processes(box_).value()[0].name, "python3");
}

TEST_F(KfdProcesses, WhoGoesMeanwhileIsLeftOut) {
  box_.put(FakeBox::kQueues + "88/vram_63420", "0");
  box_.fail("/sys/class/kfd/kfd/proc/88", ENOENT);
  EXPECT_EQ(list_kfd_processes(box_).value().size(), 1U);
  box_.fail("/sys/class/kfd/kfd/proc/4711", ENODEV);
  EXPECT_TRUE(list_kfd_processes(box_).value().empty());
}

TEST_F(KfdProcesses, MayBeNone) {
  box_.remove("/sys/class/kfd/kfd/proc");
  EXPECT_TRUE(list_kfd_processes(box_).value().empty());
}

TEST_F(KfdProcesses, NeedADriver) {
  box_.remove("/sys/class/kfd");
  const auto none = list_kfd_processes(box_);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::kNoSuchDevice);
  EXPECT_NE(none.error().what.find("modprobe"), std::string::npos);
}

TEST_F(KfdProcesses, ATextThatIsNoQueueIsAnError) {
  box_.put(FakeBox::kQueues + "4711/queues/1/size", "huge");
  const auto refused = list_kfd_processes(box_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kParse);
  EXPECT_NE(refused.error().what.find("4711/queues/1/size:1:1:"), std::string::npos);
}

TEST(ContainerOf, FindsTheIdInTheNamesOfEveryRuntime) {
  for (const std::string& group : {
           "/system.slice/docker-" + kHex + ".scope",
           "/docker/" + kHex,
           "/machine.slice/libpod-" + kHex + ".scope/container",
           "/libpod_parent/libpod-" + kHex,
           "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/"
           "cri-containerd-" +
               kHex + ".scope",
           "/kubepods.slice/kubepods-pod2.slice/crio-" + kHex + ".scope",
           "/kubepods/besteffort/pod3a7e/" + kHex,
           "/system.slice/containerd.service/kubepods-pod4.slice:cri-containerd:" + kHex,
           "/docker/" + std::string(64, 'a') + "/docker/" + kHex,
       }) {
    EXPECT_EQ(container_of(group), kHex) << group;
  }
}

TEST(ContainerOf, FindsNoneWhereThereIsNone) {
  for (const std::string& group :
       {std::string(), std::string("/"), std::string("/user.slice/user-1000.slice/session-3.scope"),
        "/machine.slice/libpod-conmon-" + kHex + ".scope", "/docker/" + kHex.substr(1),
        "/docker/" + kHex + "0", std::string("/system.slice/docker.service")}) {
    EXPECT_EQ(container_of(group), "") << group;
  }
}

TEST(CgroupOf, PrefersTheUnifiedHierarchyUnlessItIsUnused) {
  EXPECT_EQ(cgroup_of("0::/a/b\n"), "/a/b");
  EXPECT_EQ(cgroup_of("12:devices:/docker/x\n1:name=systemd:/y\n0::/\n"), "/docker/x");
  EXPECT_EQ(cgroup_of("4:memory:/m\n0::/u:v\n"), "/u:v");
  EXPECT_EQ(cgroup_of(""), "");
  EXPECT_EQ(cgroup_of("nonsense\n"), "");
}

}  // namespace
}  // namespace gpreempt::kfd
