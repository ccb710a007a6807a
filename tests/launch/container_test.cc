// Goal: a command that only asks a container runtime to run something is refused at once, with what
// to do, and ended; it is told from commands that merely look like it. Method: a stand-in for the
// client, a link to the shell, as a real process; no driver, so that nobody has queues. Trees of
// processes are a /proc in files.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/launch/container_client.h"
#include "backends/kfd/launch/gpu_processes.h"
#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/linux_os.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ContainerCommand : public ::testing::Test {
 protected:
  ContainerCommand()
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("gpreempt-container-test-{}", ::getpid())) {
    std::filesystem::create_directories(folder_);
    std::filesystem::create_symlink("/bin/sh", folder_ / "docker");
    // The shell takes its first word that is no option for a script.
    for (const char* const command : {"run", "pull", "start"}) {
      std::ofstream(folder_ / command) << "sleep 60; true\n";
    }
  }
  ~ContainerCommand() override { std::filesystem::remove_all(folder_); }
  ContainerCommand(const ContainerCommand&) = delete;
  ContainerCommand& operator=(const ContainerCommand&) = delete;

  /// `--online 'COMMAND'`.
  Result<void> bring_up(const std::string& command, Duration patience) {
    Tenant tenant(os_, "serve",
                  {.argv = {"/bin/sh", "-c", command}, .existing = {}, .processes = 1});
    GpuProcessRoots roots;
    roots.sysfs = (folder_ / "no-sysfs").string();
    roots.device = (folder_ / "no-device").string();
    Result<void> result =
        tenant.bring_up({.roots = roots, .gpus = {}, .ready_patience = patience, .say = {}},
                        (folder_ / "hints").string());
    EXPECT_TRUE(tenant.end(seconds(5)));
    return result;
  }
  /// Runs docker with these words, and then goes on.
  [[nodiscard]] std::string docker(const std::string& words) const {
    return fmt::format("cd {} && ./docker {}; true", folder_.string(), words);
  }
  /// A process of a /proc in files.
  void put(int pid, int parent, std::string line, const std::string& state = "S (sleeping)") {
    const std::filesystem::path place = folder_ / "proc" / std::to_string(pid);
    std::filesystem::create_directories(place);
    std::ranges::replace(line, ' ', '\0');
    std::ofstream(place / "cmdline") << line << '\0';
    std::ofstream(place / "status")
        << "Name:\tx\nState:\t" << state << "\nPPid:\t" << parent << "\n";
  }
  /// What is found among the processes 10 to 19.
  std::string client() {
    std::vector<Pid> pids;
    for (int pid = 10; pid < 20; ++pid) {
      pids.emplace_back(pid);
    }
    return container_client(os_, (folder_ / "proc").string(), pids);
  }
  std::string client(const std::string& line) {
    put(10, 1, line);
    return client();
  }

  std::filesystem::path folder_;
  LinuxOs os_;
};

TEST_F(ContainerCommand, ClientIsRefusedAtOnceAndTheContainerIsToBeNamed) {
  // The shell goes on afterwards, so that the client is its child.
  const Result<void> refused = bring_up(docker("run --rm image"), seconds(30));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
  EXPECT_NE(refused.error().what.find("bring up tenant 'serve'"), std::string::npos);
  EXPECT_NE(refused.error().what.find("(`docker run`) is the client of a container runtime"),
            std::string::npos)
      << refused.error().what;
  EXPECT_NE(refused.error().what.find("container:ID"), std::string::npos) << refused.error().what;
}

TEST_F(ContainerCommand, ClientThatRunsNothingIsWaitedFor) {
  const Result<void> waited = bring_up(docker("pull run"), milliseconds(300));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Errc::kTimedOut);
}

TEST_F(ContainerCommand, ClientBesideAnotherProcessIsWaitedFor) {
  const Result<void> waited = bring_up("sleep 60 & " + docker("start -a redis"), milliseconds(300));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Errc::kTimedOut);
}

TEST_F(ContainerCommand, WordsOfAnotherProgramAreNoClient) {
  const Result<void> waited =
      bring_up("/bin/sh -c 'sleep 60; true' docker run image; true", milliseconds(300));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Errc::kTimedOut);
  EXPECT_EQ(container_client(os_, "/proc", {Pid(::getpid()), Pid(1 << 29)}), "");
}

TEST_F(ContainerCommand, OnlyTheCommandOfTheClientCounts) {
  using Case = std::pair<const char*, const char*>;
  for (const auto& [line, found] :
       {Case("docker run image", "pid 10 (`docker run`)"),
        Case("/usr/bin/podman --debug run -it image", "pid 10 (`podman run`)"),
        Case("docker compose --ansi=never up", "pid 10 (`docker compose up`)"),
        Case("docker container run image", "pid 10 (`docker container run`)"),
        Case("docker start -ai redis", "pid 10 (`docker start`)"),
        Case("kubectl exec pod -- python serve.py", "pid 10 (`kubectl exec`)"),
        Case("docker start redis", ""), Case("docker run -d redis", ""),
        Case("docker run -dit redis", ""), Case("docker compose up --detach", ""),
        Case("docker ps --filter name=start run", ""), Case("docker build -t run .", ""),
        Case("docker build run", ""), Case("docker pull run", ""),
        Case("docker compose logs up", ""), Case("docker", ""), Case("dockerd run", ""),
        Case("docker compose", ""), Case("python run", "")}) {
    EXPECT_EQ(client(line), found) << line;
  }
}

TEST_F(ContainerCommand, ClientIsAllThatTheCommandStillDoes) {
  EXPECT_EQ(client(), "");
  put(10, 1, "/bin/sh -c x");
  EXPECT_EQ(client(), "");
  // A helper of the client's own uses no GPU either.
  put(11, 10, "docker compose up");
  put(12, 11, "slirp4netns");
  EXPECT_EQ(client(), "pid 11 (`docker compose up`)");
  put(13, 10, "docker run image");
  EXPECT_EQ(client(), "pid 11 (`docker compose up`)");
  put(14, 10, "", "Z (zombie)");
  EXPECT_EQ(client(), "pid 11 (`docker compose up`)");
  put(15, 10, "python serve.py");
  EXPECT_EQ(client(), "");
}

}  // namespace
}  // namespace gpreempt::kfd
