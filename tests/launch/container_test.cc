// Goal: a command that only asks a container runtime to run something is refused at once, with what
// to do, and ended; it is told from commands that merely look like it. Method: a stand-in for the
// client, a link to the shell, as a real process; no driver, so that nobody has queues.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
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
  [[nodiscard]] std::string docker() const { return (folder_ / "docker").string(); }

  std::filesystem::path folder_;
  LinuxOs os_;
};

TEST_F(ContainerCommand, ClientIsRefusedAtOnceAndTheContainerIsToBeNamed) {
  // The shell goes on afterwards, so that the client is its child.
  const Result<void> refused =
      bring_up(docker() + " -c 'sleep 60; true' run --rm image; true", seconds(30));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
  EXPECT_NE(refused.error().what.find("bring up tenant 'serve'"), std::string::npos);
  EXPECT_NE(refused.error().what.find("(`docker run`) is the client of a container runtime"),
            std::string::npos)
      << refused.error().what;
  EXPECT_NE(refused.error().what.find("container:ID"), std::string::npos) << refused.error().what;
}

TEST_F(ContainerCommand, ClientThatRunsNothingIsWaitedFor) {
  const Result<void> waited =
      bring_up(docker() + " -c 'sleep 60; true' pull image; true", milliseconds(300));
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

}  // namespace
}  // namespace gpreempt::kfd
