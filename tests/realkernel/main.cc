#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "backends/kfd/watchdog.h"
#include "core/ids.h"
#include "tests/realkernel/gang.h"

namespace {

using gpreempt::kfd::OpenMode;

/// The verb `watchdog` without its command line, which no machine without the simulator has:
/// "--controller PID --heartbeat PATH", as a controller adds it. It has less patience here.
int watch(const std::vector<std::string>& arguments) {
  constexpr auto kPatience = std::chrono::milliseconds(50);
  const gpreempt::Pid controller(std::atoi(arguments.at(1).c_str()));
  (void)::setpgid(0, 0);
  gpreempt::kfd::LinuxOs os;
  const auto heartbeat = os.open(arguments.at(3), OpenMode::kRead);
  if (!heartbeat) {
    (void)std::fprintf(stderr, "watchdog: there is no %s\n", arguments.at(3).c_str());
    return 1;
  }
  const auto report = gpreempt::kfd::watch_controller(
      os, *heartbeat, {.controller = controller, .patience = kPatience});
  if (!report) {
    (void)std::fprintf(stderr, "%s\n", report.error().what.c_str());
    return 1;
  }
  for (const auto& error : report->errors) {
    (void)std::fprintf(stderr, "watchdog: %s\n", error.what.c_str());
  }
  return report->errors.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "watchdog") {
    return watch(std::vector<std::string>(argv + 2, argv + argc));
  }
  if (argc > 2 && std::string(argv[1]) == "gang") {
    gpreempt::kfd::run_gang(argv[2]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
