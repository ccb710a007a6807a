// Pids of containers. Goal: a pid is mapped both ways where /proc can tell, and where it cannot it
// says so and what to do; selectors find a launcher's workers and a container's processes. Method:
// a machine in memory with a launcher, two containers, and one more namespace in one of them.
#include "backends/kfd/discovery/pid_namespace.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/target_selector.h"
#include "core/error.h"
#include "core/ids.h"
#include "tests/kfd/fake_box.h"

namespace gpreempt::kfd {
namespace {

const std::string kTrainer = "3f4a9c" + std::string(58, '1');
const std::string kServer = "3f4a9d" + std::string(58, '2');

class PidsOfContainers : public ::testing::Test {
 protected:
  PidsOfContainers() {
    box_.put("/proc/2/status", "Name:\tkthreadd\nPPid:\t0\nNSpid:\t2\n");
    put(100, 1, "100", "");             // a launcher on the host
    put(101, 100, "101", "");           // its worker
    put(102, 101, "102", "");           // and that one's
    put(200, 50, "200 1", kTrainer);    // the first process of a container
    put(212, 200, "212 12", kTrainer);  // its worker
    put(213, 212, "213 13 12", kTrainer);
    put(300, 50, "300 12", kServer);  // another container's 12
    box_.put_link("/proc/200/ns/pid", "pid:[4026532001]");
    box_.put_link("/proc/212/ns/pid", "pid:[4026532001]");
    box_.put_link("/proc/213/ns/pid", "pid:[4026532003]");
    box_.put_link("/proc/300/ns/pid", "pid:[4026532002]");
  }
  void put(int pid, int parent, const std::string& ns_pids, const std::string& container) {
    const std::string folder = fmt::format("/proc/{}", pid);
    box_.put(folder + "/status", fmt::format("Name:\tp\nPPid:\t{}\nNSpid:\t{}\n", parent, ns_pids));
    box_.put(folder + "/cgroup", container.empty() ? std::string("0::/user.slice\n")
                                                   : fmt::format("0::/docker/{}\n", container));
  }
  Result<std::vector<Pid>> find(std::string_view selector) {
    return find_targets(box_, parse_target(selector).value());
  }
  std::vector<int> found(std::string_view selector) {
    std::vector<int> pids;
    for (const Pid pid : find(selector).value_or(std::vector<Pid>())) {
      pids.push_back(pid.value());
    }
    return pids;
  }

  FakeBox box_;
};

TEST_F(PidsOfContainers, InnerPidIsTheLastOfTheChain) {
  EXPECT_EQ(inner_pid(box_, "/proc", Pid(212)), Pid(12));
  EXPECT_EQ(inner_pid(box_, "/proc", Pid(100)), Pid(100));
  EXPECT_EQ(inner_pid(box_, "/proc", Pid(999)), std::nullopt);
}

TEST_F(PidsOfContainers, OuterPidIsOfTheSameNamespace) {
  EXPECT_EQ(outer_pid(box_, "/proc", Pid(12), Pid(200)).value(), Pid(212));
  EXPECT_EQ(outer_pid(box_, "/proc", Pid(12), Pid(300)).value(), Pid(300));
  EXPECT_EQ(outer_pid(box_, "/proc", Pid(12), Pid(213)).value(), Pid(213));
  EXPECT_EQ(outer_pid(box_, "/proc", Pid(77), Pid(200)).error().code, Errc::kProcessExited);
}

TEST_F(PidsOfContainers, OuterPidIsOfTheSameContainerWhereNamespacesAreClosed) {
  for (const std::string pid : {"200", "212", "213", "300"}) {
    box_.remove("/proc/" + pid + "/ns/pid");
  }
  EXPECT_EQ(outer_pid(box_, "/proc", Pid(12), Pid(300)).value(), Pid(300));
  box_.remove("/proc/300/cgroup");
  EXPECT_EQ(outer_pid(box_, "/proc", Pid(12), Pid(300)).error().code, Errc::kNotPermitted);
}

TEST_F(PidsOfContainers, CannotBeToldFromWithinOne) {
  box_.remove("/proc/2");
  box_.put_link("/proc/self/ns/pid", "pid:[4026532001]");
  EXPECT_EQ(pid_view(box_, "/proc"), PidView::kOther);
  for (const auto& refused :
       {outer_pid(box_, "/proc", Pid(12), Pid(200)).error(), find("container:3f4a9c").error()}) {
    EXPECT_EQ(refused.code, Errc::kNotPermitted);
    EXPECT_NE(refused.what.find("--pid=host"), std::string::npos);
    EXPECT_NE(refused.what.find("--sysroot /host"), std::string::npos);
  }
}

TEST_F(PidsOfContainers, TreeIsALauncherWithItsDescendants) {
  EXPECT_EQ(found("tree:100"), (std::vector{100, 101, 102}));
  EXPECT_EQ(found("tree:102"), std::vector{102});
  EXPECT_EQ(find("tree:999").error().code, Errc::kProcessExited);
}

TEST_F(PidsOfContainers, TreeEndsWhereParentsFormARing) {
  put(100, 102, "100", "");
  EXPECT_EQ(found("tree:100"), (std::vector{100, 101, 102}));
}

TEST_F(PidsOfContainers, ContainerIsAllOfItsProcessesOrTheOneWithAnInnerPid) {
  EXPECT_EQ(found("container:3f4a9c"), (std::vector{200, 212, 213}));
  EXPECT_EQ(found("container:" + kServer), std::vector{300});
  EXPECT_EQ(found("container:3f4a9c/1"), std::vector{200});
  EXPECT_EQ(found("container:3f4a9d/12"), std::vector{300});
  EXPECT_EQ(find("container:3f4a9d/99").error().code, Errc::kProcessExited);
  EXPECT_EQ(find("container:aaaaaa").error().code, Errc::kProcessExited);
}

TEST_F(PidsOfContainers, ContainersWhoseIdsBeginAlikeAreNotMixedUp) {
  put(301, 50, "301 1", "3f4a9c" + std::string(58, '7'));
  const auto refused = find("container:3f4a9c");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
  EXPECT_NE(refused.error().what.find("more digits"), std::string::npos);
  EXPECT_EQ(found("container:3f4a9c7"), std::vector{301});
}

TEST(ParseTargetOfProcesses, TakesTreesAndContainers) {
  using By = TargetSelector::By;
  EXPECT_EQ(parse_target("tree:4711")->by, By::kTree);
  EXPECT_EQ(parse_target("tree:4711")->pid, Pid(4711));
  EXPECT_EQ(parse_target("container:3f4a9c")->name, "3f4a9c");
  EXPECT_EQ(parse_target("container:3f4a9c")->pid, Pid(0));
  EXPECT_EQ(parse_target("container:3f4a9c/12")->pid, Pid(12));
  for (const std::string& wrong :
       {std::string("tree:"), std::string("tree:x"), std::string("container:3f4a9"),
        std::string("container:web-server"), std::string("container:3f4a9c/"),
        std::string("container:3f4a9c/0"), "container:" + kTrainer + "1"}) {
    const auto refused = parse_target(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_NE(refused.error().what.find("container:3f4a9c/12"), std::string::npos);
  }
}

}  // namespace
}  // namespace gpreempt::kfd
