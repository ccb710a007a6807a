// Naming targets. Goal: each form finds exactly the processes it says, a wrong one says what is
// right. Method: a tree of files, and this machine's processes.
#include "backends/kfd/target_selector.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/discovery/pid_namespace.h"
#include "backends/kfd/linux_os.h"
#include "core/error.h"
#include "core/ids.h"
#include "tests/kfd/fake_driver.h"
#include "tests/support/forked_process.h"

namespace gpreempt::kfd {
namespace {

using By = TargetSelector::By;

TEST(ParseTarget, TakesAPidACommandAndAGroup) {
  EXPECT_EQ(parse_target("4711")->pid, Pid(4711));
  EXPECT_EQ(parse_target("pid:4711")->by, By::kPid);
  EXPECT_EQ(parse_target("command:python3")->name, "python3");
  EXPECT_EQ(parse_target("cgroup:/a/b.service")->by, By::kCgroup);
}

TEST(ParseTarget, RefusesAllElseAndShowsTheForms) {
  for (const std::string_view wrong :
       {"", "0", "-1", "12x", "pid:", "command:", "command:/bin/sh", "cgroup:offline",
        "cgroup:/a/../..", "name:x", "99999999999"}) {
    const auto parsed = parse_target(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().code, Errc::kInvalidArgument);
    EXPECT_NE(parsed.error().what.find("command:python3"), std::string::npos);
  }
}

class FindTargets : public ::testing::Test {
 protected:
  FindTargets() {
    add(30, "python3", std::string("/usr/bin/python3\0train.py", 25));
    add(4, "pt_main_thread", std::string("python3\0serve.py", 16));
    add(200, "bash", std::string("-bash\0", 6));
    add(2, "kthreadd", "");
    os_.set_file("/proc/self", "");
    os_.set_file("/cg/offline/cgroup.procs", "30\n0\n");
    os_.set_file("/cg/offline/cpu.max", "max 100000\n");
    os_.set_file("/cg/offline/job.1/cgroup.procs", "200\n30\n");
  }
  void add(int pid, const std::string& name, const std::string& line) {
    const std::string folder = "/proc/" + std::to_string(pid);
    os_.set_file(folder + "/comm", name + "\n");
    os_.set_file(folder + "/cmdline", line);
  }
  std::vector<Pid> find(std::string_view text) {
    return find_targets(os_, parse_target(text).value(), roots_).value_or(std::vector<Pid>());
  }
  Error error_of(std::string_view text) {
    const auto found = find_targets(os_, parse_target(text).value(), roots_);
    return found ? Error{} : found.error();
  }

  FakeDriver os_;
  SelectorRoots roots_{.proc = "/proc", .cgroup = "/cg"};
};

TEST_F(FindTargets, PidThatRuns) {
  EXPECT_EQ(find("30"), std::vector{Pid(30)});
  EXPECT_EQ(error_of("31").code, Errc::kProcessExited);
}

TEST_F(FindTargets, CommandByProgramOrByName) {
  EXPECT_EQ(find("command:python3"), (std::vector{Pid(4), Pid(30)}));
  EXPECT_EQ(find("command:pt_main_thread"), std::vector{Pid(4)});
  EXPECT_EQ(error_of("command:kthreadd").code, Errc::kProcessExited);
  EXPECT_EQ(error_of("command:pyth").code, Errc::kProcessExited);
}

TEST_F(FindTargets, GroupWithThoseBelowIt) {
  EXPECT_EQ(find("cgroup:/offline"), (std::vector{Pid(30), Pid(200)}));
  EXPECT_EQ(find("cgroup:/offline/job.1"), (std::vector{Pid(30), Pid(200)}));
  EXPECT_EQ(error_of("cgroup:/online").code, Errc::kInvalidArgument);
}

TEST(FindRealTargets, NeverThisProcess) {
  LinuxOs os;
  const Pid self(::getpid());
  EXPECT_EQ(find_targets(os, {.by = By::kPid, .pid = self, .name = {}}).error().code,
            Errc::kProcessExited);
}

TEST(FindRealTargets, ChildByItsPid) {
  const ForkedProcess child([](int) { ::pause(); });
  LinuxOs os;
  const TargetSelector selector{.by = By::kPid, .pid = child.pid(), .name = {}};
  EXPECT_EQ(find_targets(os, selector).value(), std::vector{child.pid()});
}

/// A process that is pid 1 of a pid namespace of its own, as the first one of a container is.
class NamespacedProcess {
 public:
  NamespacedProcess()
      : parent_([](int report) {
          if (::unshare(CLONE_NEWPID) != 0) {
            report_number(report, 0);
            return;
          }
          const pid_t inside = ::fork();
          if (inside == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::pause();
          }
          report_number(report, inside);
          ::pause();
        }),
        pid_(parent_.read().value_or(0)) {}
  /// By this machine's /proc; 0: namespaces may not be made here.
  [[nodiscard]] Pid pid() const { return pid_; }

 private:
  ForkedProcess parent_;
  Pid pid_;
};

TEST(RealPidNamespace, ItsFirstProcessIsFoundByEitherPid) {
  const NamespacedProcess process;
  LinuxOs os;
  if (process.pid() == Pid(0)) {
    GTEST_SKIP() << "this user may not make a pid namespace";
  }
  EXPECT_EQ(inner_pid(os, "/proc", process.pid()), Pid(1));
  if (pid_view(os, "/proc") != PidView::kInitial) {
    GTEST_SKIP() << "this test runs in a container of its own: no tool can tell pids from there";
  }
  EXPECT_EQ(outer_pid(os, "/proc", Pid(1), process.pid()).value(), process.pid());
  EXPECT_EQ(outer_pid(os, "/proc", Pid(2), process.pid()).error().code, Errc::kProcessExited);
}

}  // namespace
}  // namespace gpreempt::kfd
