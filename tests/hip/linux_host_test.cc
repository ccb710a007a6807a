// Goal: a program of an experiment does not stay on the GPU when its scheduler is gone. Method: a
// socket of the test's own stands for the scheduler.
#include "workloads/hip/linux_host.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "core/error.h"

namespace gpreempt::hip {
namespace {

/// Takes one connection, and goes away when told to.
class Scheduler {
 public:
  explicit Scheduler(const std::string& name)
      : path_(testing::TempDir() + name), listener_(::socket(AF_UNIX, SOCK_SEQPACKET, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path_.begin(), path_.end(), std::begin(address.sun_path));
    ::unlink(path_.c_str());
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): as bind(2) has it
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
  }
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  ~Scheduler() {
    ::close(listener_);
    ::unlink(path_.c_str());
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  void take() { client_ = ::accept(listener_, nullptr, nullptr); }
  void die() const { ::close(client_); }

 private:
  std::string path_;
  int listener_;
  int client_ = -1;
};

TEST(LinuxHost, EndsWithTheSchedulerThatStartedItsProgram) {
  Scheduler scheduler("gpreempt-host-ends");
  const auto host = LinuxHost::open();
  ASSERT_TRUE(host) << host.error().what;
  ASSERT_TRUE((*host)->listen_to(scheduler.path()));
  (*host)->end_with_scheduler();
  scheduler.take();
  EXPECT_FALSE((*host)->stop_requested());
  scheduler.die();
  EXPECT_TRUE((*host)->stop_requested());
}

TEST(LinuxHost, ATenantOfItsOwnGoesOnWithoutItsScheduler) {
  Scheduler scheduler("gpreempt-host-goes-on");
  const auto host = LinuxHost::open();
  ASSERT_TRUE(host) << host.error().what;
  ASSERT_TRUE((*host)->listen_to(scheduler.path()));
  scheduler.take();
  scheduler.die();
  EXPECT_FALSE((*host)->stop_requested());
}

}  // namespace
}  // namespace gpreempt::hip
