// Goal: a queue that the driver could not take off ends everything at once, and nothing stays
// suspended; nothing that was off is left out of the report. Method: the whole client on a scripted
// driver.
#include "backends/kfd/hold/hold.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/hold/resume_socket.h"
#include "backends/kfd/kfd_backend.h"
#include "core/checked_backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "tests/kfd/fake_driver.h"

namespace gpreempt::kfd {
namespace {

class HoldOnFakeDriver : public ::testing::Test {
 protected:
  HoldOnFakeDriver() {
    driver_.create_queue(0);
    driver_.create_queue(1);
  }
  Result<HoldReport> hold_it() {
    const auto backend = make_checked_backend(open_backend(driver_, {}).value());
    return hold(driver_, *backend, {.targets = {FakeDriver::kTargetPid}}, nullptr,
                [this](std::string_view line) { said_ += line; });
  }

  FakeDriver driver_;
  std::string said_;
};

TEST_F(HoldOnFakeDriver, QueueWithAnErrorEndsItAtOnceAndEverythingIsResumed) {
  driver_.set_suspend_status(1, {abi::kQueueError});
  const auto report = hold_it();
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_EQ(report->end, HoldReport::End::kAnomaly);
  EXPECT_NE(report->anomaly.find("could not take queue 1 off"), std::string::npos)
      << report->anomaly;
  ASSERT_EQ(report->queues.size(), 2U);
  EXPECT_EQ(report->queues[0].outcome, Outcome::kOk);
  EXPECT_EQ(report->queues[1].outcome, Outcome::kError);
  EXPECT_TRUE(driver_.await_call("disable"));
}

TEST_F(HoldOnFakeDriver, QueuesThatComeOffAfterTheLimitAreInTheReport) {
  const auto backend = make_checked_backend(open_backend(driver_, {}).value());
  const auto report = hold(driver_, *backend, {.targets = {FakeDriver::kTargetPid}, .limit = {}},
                           nullptr, [](std::string_view) {});
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_EQ(report->end, HoldReport::End::kLimit);
  ASSERT_EQ(report->queues.size(), 2U);
  EXPECT_TRUE(report->queues[0].on && report->queues[1].on);
  EXPECT_TRUE(driver_.await_call("disable"));
}

TEST_F(HoldOnFakeDriver, TargetThatCannotBeAttachedIsTold) {
  driver_.fail_seize(EPERM);
  const auto report = hold_it();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::kNotPermitted) << report.error().what;
}

}  // namespace
}  // namespace gpreempt::kfd
