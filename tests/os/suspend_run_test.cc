// Goal: `gpreempt suspend` starts its watchdog, takes queues off and gives them back, and writes
// down the driver's calls. Method: the command's own code and a real watchdog process, on the
// scripted driver.
#include "cli/suspend_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/flight_record.h"
#include "backends/kfd/hold/hold.h"
#include "backends/kfd/os.h"
#include "cli/suspend_options.h"
#include "cli/suspend_plan.h"
#include "core/error.h"
#include "core/ids.h"
#include "tests/kfd/fake_driver.h"

namespace gpreempt::cli {
namespace {

using kfd::FakeDriver;
using kfd::HoldReport;

/// Whose executable is the tool, and whose watchdog is a real process.
class ToolOnFakeDriver final : public FakeDriver {
 public:
  explicit ToolOnFakeDriver(std::string tool) : tool_(std::move(tool)) {}
  [[nodiscard]] kfd::SysResult<std::string> read_link(const std::string& path) override {
    return path == "/proc/self/exe" ? tool_ : FakeDriver::read_link(path);
  }

  [[nodiscard]] kfd::SysResult<std::vector<std::string>> list_dir(
      const std::string& path) override {
    return path.ends_with("/fd") ? LinuxOs::list_dir(path) : FakeDriver::list_dir(path);
  }
  [[nodiscard]] kfd::SysResult<kfd::Fd> open_pidfd(Pid pid) override {
    return pid == kTargetPid ? FakeDriver::open_pidfd(pid) : LinuxOs::open_pidfd(pid);
  }

 private:
  std::string tool_;
};

class SuspendRun : public ::testing::Test {
 protected:
  SuspendRun() {
    record_ = std::filesystem::path(::testing::TempDir()) /
              (std::string("suspend-run-") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    plan_.targets = {{.pid = FakeDriver::kTargetPid}};
    options_.limit = std::chrono::milliseconds(1);
    options_.slow = std::chrono::hours(1);
    options_.flight_record = record_.string();
    options_.safety.kernel_log.clear();
    driver_.create_queue(0);
  }
  ~SuspendRun() override { std::filesystem::remove(record_); }
  SuspendRun(const SuspendRun&) = delete;
  SuspendRun& operator=(const SuspendRun&) = delete;

  [[nodiscard]] std::string record() const {
    std::ifstream file(record_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] static bool has(const std::vector<std::string>& log, const std::string& call) {
    return std::ranges::find(log, call) != log.end();
  }

  ToolOnFakeDriver driver_{GPREEMPT_EXECUTABLE};
  std::filesystem::path record_;
  SuspendPlan plan_;
  SuspendCommandOptions options_;
};

TEST_F(SuspendRun, SuspendsAndGivesBackUnderAWatchdog) {
  const auto report = run_suspend(driver_, plan_, options_);
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_EQ(report->end, HoldReport::End::kLimit);
  ASSERT_EQ(report->queues.size(), 1U);
  const auto log = driver_.log();
  EXPECT_TRUE(has(log, "suspend 0"));
  EXPECT_TRUE(has(log, "disable"));
}

TEST_F(SuspendRun, RecordOfTheDriversCallsCanBeReadBack) {
  ASSERT_TRUE(run_suspend(driver_, plan_, options_));
  const auto entries = kfd::read_flight_record(record(), record_.string());
  ASSERT_TRUE(entries) << entries.error().what;
  EXPECT_FALSE(entries->empty());
}

TEST_F(SuspendRun, NothingIsAttachedWithoutAWatchdog) {
  ToolOnFakeDriver broken("/nowhere/gpreempt");
  broken.create_queue(0);
  const auto report = run_suspend(broken, plan_, options_);
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().what.find("nothing is suspended without one"), std::string::npos);
  EXPECT_TRUE(broken.log().empty());
}

}  // namespace
}  // namespace gpreempt::cli
