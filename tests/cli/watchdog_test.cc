// Goal: `watchdog` and `rescue` as a user runs them: a controller that is stopped in a suspension
// is killed by the built command; what cannot be done is said with the reason and exit code 3.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>  // NOLINT(misc-include-cleaner): its macros are elsewhere
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/linux_os.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

using kfd::Beat;
using testing::Finished;
using testing::gpreempt;

/// A process that does nothing.
pid_t start_pausing() {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) {
      ::pause();
    }
  }
  return child;
}

TEST(Watchdog, KillsAControllerThatIsStoppedInASuspension) {
  const pid_t controller = start_pausing();
  ::kill(controller, SIGSTOP);
  kfd::LinuxOs os;
  const auto pipe = os.pipe().value();
  kfd::Heartbeat heartbeat(os, pipe.write);
  // Its target is gone by then, so that no driver is needed.
  const Pid target(start_pausing());
  EXPECT_TRUE(heartbeat.tell(Beat::Kind::kAttached, target));
  EXPECT_TRUE(heartbeat.tell(Beat::Kind::kSuspending, target, os.now(), os.now()));
  ::kill(target.value(), SIGKILL);
  // What a holder has there, should it be killed.
  const std::string socket = fmt::format("/tmp/gpreempt-{}.socket", controller);
  os.close(os.listen(socket).value());
  const Finished finished =
      gpreempt(fmt::format("watchdog --controller {} --heartbeat /proc/{}/fd/{} --patience 1ms",
                           controller, ::getpid(), pipe.read));
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_NE(finished.out.find("killed, it let a lease pass"), std::string::npos) << finished.out;
  EXPECT_FALSE(os.remove_file(socket));  // it is gone
  int status = 0;
  EXPECT_EQ(::waitpid(controller, &status, 0), controller);
  EXPECT_TRUE(WIFSIGNALED(status));
  ::waitpid(target.value(), nullptr, 0);
  os.close(pipe.read);
  os.close(pipe.write);
}

TEST(Watchdog, IsStartedByAControllerAndEndsWithIt) {
  kfd::LinuxOs os;
  auto started = kfd::Heartbeat::start(os, {GPREEMPT_EXECUTABLE, "watchdog"});
  ASSERT_TRUE(started) << started.error().what;
  const Pid target(start_pausing());
  EXPECT_TRUE((*started)->tell(Beat::Kind::kAttached, target));
  EXPECT_TRUE((*started)->tell(Beat::Kind::kDetached, target));
  (*started)->close();
  ::kill(target.value(), SIGKILL);
  ::waitpid(target.value(), nullptr, 0);
}

TEST(Watchdog, WithoutAControllerOrAPipeSaysSo) {
  EXPECT_EQ(gpreempt("watchdog --controller 1 --heartbeat /nowhere").exit_code, 3);
  EXPECT_EQ(gpreempt("watchdog --heartbeat /nowhere").exit_code, 2);
  EXPECT_EQ(gpreempt("watchdog --controller 1 --heartbeat x --patience 5").exit_code, 2);
}

TEST(Rescue, SaysWhatItCannotDo) {
  const Finished usage = gpreempt("rescue offline");
  EXPECT_EQ(usage.exit_code, 2);
  EXPECT_NE(usage.err.find("command:python3"), std::string::npos);
  EXPECT_EQ(gpreempt("rescue 999999999").exit_code, 3);
  const Finished no_driver = gpreempt("rescue 1 --device /nowhere/kfd");
  EXPECT_EQ(no_driver.exit_code, 3);
  EXPECT_NE(no_driver.out.find("amdkfd is not loaded"), std::string::npos) << no_driver.out;
  EXPECT_NE(gpreempt("rescue 1 --device /nowhere/kfd --format json").out.find("\"not freed\""),
            std::string::npos);
}

}  // namespace
}  // namespace gpreempt::cli
