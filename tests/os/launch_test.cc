// Goal: commands are started, understood and ended on Linux as on the modelled machine. Method:
// real processes, real sockets and the clients that we give away; only what the driver would list
// of them, the folder of their queues, is made up.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/forwarding_os.h"
#include "backends/kfd/launch/command.h"
#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "backends/kfd/target_selector.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Linux with a driver that lists a queue for each process of a name.
class ListingOs final : public ForwardingOs {
 public:
  ListingOs(Os& inner, std::string name) : ForwardingOs(inner), name_(std::move(name)) {}
  [[nodiscard]] SysResult<std::vector<std::string>> list_dir(const std::string& path) override {
    constexpr std::string_view kFolder = "/sys/class/kfd/kfd/proc/";
    if (!path.starts_with(kFolder) || !path.ends_with("/queues")) {
      return ForwardingOs::list_dir(path);
    }
    const std::string pid = path.substr(kFolder.size(), path.size() - kFolder.size() - 7);
    const auto name = read_file("/proc/" + pid + "/comm");
    return name && *name == name_ + "\n" ? std::vector<std::string>{"0"}
                                         : std::vector<std::string>{};
  }
  /// This test may run in a container, whose pids the made-up driver names all the same.
  [[nodiscard]] SysResult<std::string> read_link(const std::string& path) override {
    return path == "/proc/self/ns/pid" ? std::string("pid:[4026531836]")
                                       : ForwardingOs::read_link(path);
  }

 private:
  std::string name_;
};

class Launch : public ::testing::Test {
 protected:
  /// Whether a process is there and has not ended.
  [[nodiscard]] bool lives(Pid pid) {
    const auto status = os_.read_file(fmt::format("/proc/{}/status", pid));
    return status && status->find("State:\tZ") == std::string::npos;
  }
  [[nodiscard]] std::vector<Pid> tree_of(Pid pid) {
    const TargetSelector tree{.by = TargetSelector::By::kTree, .pid = pid, .name = {}};
    return find_targets(os_, tree).value_or(std::vector<Pid>());
  }
  /// Waits until the tree has so many processes.
  [[nodiscard]] std::vector<Pid> await_tree(Pid pid, std::size_t count) {
    std::vector<Pid> tree;
    for (int i = 0; i < 1000 && tree.size() != count; ++i) {
      (void)os_.wait({}, os_.now() + milliseconds(10));
      tree = tree_of(pid);
    }
    return tree;
  }
  [[nodiscard]] Result<LaunchedCommand> start(const std::string& line) {
    return LaunchedCommand::start(os_, {"/bin/sh", "-c", line}, {});
  }
  [[nodiscard]] std::string socket() const {
    return fmt::format("/tmp/gpreempt-launch-test-{}.hints", ::getpid());
  }
  [[nodiscard]] TenantOptions options() const {
    return {.roots = {}, .gpus = {}, .ready_patience = seconds(60), .settle = {}};
  }

  LinuxOs os_;
};

TEST_F(Launch, StopEndsACommandWithAllThatDescendsFromIt) {
  auto command = start("sleep 1000 & sleep 1000 & wait");
  ASSERT_TRUE(command) << command.error().what;
  const std::vector<Pid> tree = await_tree(command->pid(), 3);
  ASSERT_EQ(tree.size(), 3U);
  ASSERT_TRUE(command->stop(seconds(60)));
  for (const Pid pid : tree) {
    EXPECT_FALSE(lives(pid)) << pid.value();
  }
}

TEST_F(Launch, ProcessThatIgnoresTheRequestIsKilled) {
  auto command = start("trap '' TERM; sleep 1000 & wait; sleep 1000");
  ASSERT_TRUE(command) << command.error().what;
  ASSERT_EQ(await_tree(command->pid(), 2).size(), 2U);
  ASSERT_TRUE(command->stop(milliseconds(100)));
  EXPECT_FALSE(lives(command->pid()));
}

TEST_F(Launch, StoppedProcessIsEndedToo) {
  auto command = start("exec sleep 1000");
  ASSERT_TRUE(command) << command.error().what;
  ASSERT_TRUE(os_.signal(command->pidfd(), SIGSTOP));
  ASSERT_TRUE(command->stop(seconds(60)));
  EXPECT_FALSE(lives(command->pid()));
}

TEST_F(Launch, WorkerThatHasLostItsParentIsEndedIfItWasKept) {
  auto command = start("sleep 1000 & wait");
  ASSERT_TRUE(command) << command.error().what;
  const std::vector<Pid> tree = await_tree(command->pid(), 2);
  ASSERT_EQ(tree.size(), 2U);
  const Pid worker = tree[0] == command->pid() ? tree[1] : tree[0];
  command->keep(worker);
  ASSERT_TRUE(os_.signal(command->pidfd(), SIGKILL));
  std::vector<WaitFd> exit = {{.fd = command->pidfd()}};
  ASSERT_TRUE(os_.wait(exit, os_.now() + seconds(60)));
  EXPECT_TRUE(lives(worker));
  ASSERT_TRUE(command->stop(seconds(60)));
  EXPECT_FALSE(lives(worker));
}

TEST_F(Launch, EndOfACommandIsToldAsTheKernelTellsIt) {
  auto command = start("exit 3");
  ASSERT_TRUE(command) << command.error().what;
  std::vector<WaitFd> exit = {{.fd = command->pidfd()}};
  ASSERT_TRUE(os_.wait(exit, os_.now() + seconds(60)));
  EXPECT_EQ(command->how_it_ended(), "exit code 3");
  ASSERT_TRUE(command->stop(seconds(60)));
}

TEST_F(Launch, CommandHasAProcessGroupOfItsOwn) {
  auto command = start("exec sleep 1000");
  ASSERT_TRUE(command) << command.error().what;
  EXPECT_EQ(::getpgid(command->pid().value()), command->pid().value());
  ASSERT_TRUE(command->stop(seconds(60)));
}

TEST_F(Launch, CommandThatIsNotThereIsRefused) {
  const auto command = LaunchedCommand::start(os_, {"/nowhere/program"}, {});
  ASSERT_FALSE(command);
  EXPECT_EQ(command.error().code, Errc::kInvalidArgument);
  EXPECT_NE(command.error().what.find("start `/nowhere/program`"), std::string::npos);
}

TEST_F(Launch, TenantIsTheProcessesOfTheTreeThatHaveQueues) {
  ListingOs os(os_, "sleep");
  Tenant tenant(os, "train",
                {.argv = {"/bin/sh", "-c", "sleep 1000 & sleep 1000 & wait"},
                 .existing = {},
                 .processes = 2});
  const auto up = tenant.bring_up(options(), socket());
  ASSERT_TRUE(up) << up.error().what;
  ASSERT_EQ(tenant.pids().size(), 2U);
  EXPECT_LT(tenant.pids()[0], tenant.pids()[1]);
  EXPECT_EQ(tenant.hand_out(), tenant.pids()[0]);
  ASSERT_TRUE(tenant.end(seconds(60)));
  EXPECT_FALSE(lives(tenant.pids()[0]));
  EXPECT_FALSE(lives(tenant.pids()[1]));
  EXPECT_EQ(os_.remove_file(socket()).error().number, ENOENT);
}

TEST_F(Launch, ProcessThatRanBeforeIsLeftRunning) {
  auto other = start("exec sleep 1000");
  ASSERT_TRUE(other) << other.error().what;
  ListingOs os(os_, "sleep");
  Tenant tenant(os, "train",
                {.argv = {},
                 .existing = {{.by = TargetSelector::By::kPid, .pid = other->pid(), .name = {}}}});
  const auto up = tenant.bring_up(options(), socket());
  ASSERT_TRUE(up) << up.error().what;
  EXPECT_FALSE(tenant.is_launched());
  ASSERT_TRUE(tenant.end(seconds(60)));
  EXPECT_TRUE(lives(other->pid()));
  ASSERT_TRUE(other->stop(seconds(60)));
}

/// Both clients do the same.
void expect_hints_of(Os& real, const std::vector<std::string>& argv, const std::string& name,
                     const TenantOptions& options, const std::string& socket) {
  ListingOs os(real, name);
  Tenant tenant(os, "serve", {.argv = argv, .existing = {}, .processes = 1, .says_ready = true});
  const auto up = tenant.bring_up(options, socket);
  ASSERT_TRUE(up) << up.error().what;
  const Instant before = os.now();
  tenant.begin(before);
  const Pid pid = tenant.pids().front();
  for (int i = 0; i < 1000 && tenant.progress(pid).work == Duration{}; ++i) {
    (void)os.wait({}, os.now() + milliseconds(10));
  }
  EXPECT_EQ(tenant.progress(pid).work, milliseconds(5));
  EXPECT_EQ(tenant.progress(pid).kernels, 3U);
  EXPECT_EQ(tenant.progress(pid).requests_completed, 3U);
  ASSERT_EQ(tenant.requests(pid).size(), 3U);
  for (const RequestRecord& request : tenant.requests(pid)) {
    EXPECT_GE(request.arrival, before);
    EXPECT_GE(request.end, request.arrival);
    EXPECT_LE(request.end, os.now());
  }
  ASSERT_TRUE(tenant.end(seconds(60)));
}

TEST_F(Launch, HintsOfACProgramAreHeard) {
  expect_hints_of(os_, {GPREEMPT_HINTS_CLIENT}, "hints_client", options(), socket());
}

TEST_F(Launch, HintsOfAPythonProgramAreHeard) {
  const std::string python = "/usr/bin/python3";
  if (::access(python.c_str(), X_OK) != 0) {
    GTEST_SKIP() << "there is no " << python;
  }
  const std::string tests = std::string(GPREEMPT_SOURCE_DIR) + "/tests/os/hints_client.py";
  const std::string module = std::string(GPREEMPT_SOURCE_DIR) + "/workloads/agent";
  expect_hints_of(os_, {python, "-B", tests, module}, "python3", options(), socket());
}

TEST_F(Launch, MessageThatIsNoHintIsAnsweredAndTheConnectionEnds) {
  ListingOs os(os_, "sleep");
  Tenant tenant(os, "serve", {.argv = {"/bin/sleep", "1000"}, .existing = {}});
  ASSERT_TRUE(tenant.bring_up(options(), socket()));
  const Fd connection = os.connect(socket()).value();
  const std::string nonsense = "hello?";
  ASSERT_TRUE(os.write(connection, std::as_bytes(std::span(nonsense))));
  std::vector<WaitFd> fds = {{.fd = connection}};
  ASSERT_TRUE(os.wait(fds, os.now() + seconds(60)));
  std::vector<std::byte> buffer(1024);
  const auto got = os.read(connection, buffer);
  ASSERT_TRUE(got);
  std::string answer;
  for (std::size_t i = 0; i < *got; ++i) {
    answer += static_cast<char>(buffer[i]);
  }
  EXPECT_TRUE(answer.starts_with(R"({"error":"read a hint: )")) << answer;
  ASSERT_TRUE(os.wait(fds, os.now() + seconds(60)));
  EXPECT_EQ(os.read(connection, buffer).value(), 0U);
  os.close(connection);
  ASSERT_TRUE(tenant.end(seconds(60)));
}

TEST_F(Launch, SocketIsOpenToOtherUsersSoThatTheirHintsCanBeRefused) {
  ListingOs os(os_, "sleep");
  Tenant tenant(os, "serve", {.argv = {"/bin/sleep", "1000"}, .existing = {}});
  ASSERT_TRUE(tenant.bring_up(options(), socket()));
  EXPECT_EQ(::access(socket().c_str(), W_OK), 0);
  if (::geteuid() == 0) {
    // The same program as a user who is neither root nor the tenant's.
    const std::string line =
        fmt::format("exec setpriv --reuid 65534 --clear-groups --regid 65534 {} > /dev/null 2>&1",
                    GPREEMPT_HINTS_CLIENT);
    const std::vector<std::string> env = {"GPREEMPT_HINTS=" + socket()};
    auto stranger = LaunchedCommand::start(os_, {"/bin/sh", "-c", line}, env);
    ASSERT_TRUE(stranger) << stranger.error().what;
    std::vector<WaitFd> exit = {{.fd = stranger->pidfd()}};
    ASSERT_TRUE(os.wait(exit, os.now() + seconds(60)));
    EXPECT_EQ(stranger->how_it_ended(), "exit code 1");
    EXPECT_TRUE(tenant.requests(tenant.pids().front()).empty());
    ASSERT_TRUE(stranger->stop(seconds(60)));
  }
  ASSERT_TRUE(tenant.end(seconds(60)));
}

}  // namespace
}  // namespace gpreempt::kfd
