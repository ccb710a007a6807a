// Who may ask the driver. Goal: the session keeps to one thread, and this shows why: the driver
// knows the thread that traces, from 6.12.107 on only for the first call. Method: the driver's own
// answers to a thread that traces and one that does not.
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <functional>
#include <string_view>

#include "backends/kfd/abi.h"
#include "backends/kfd/dbg_trap.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "backends/kfd/tracee.h"
#include "core/time.h"
#include "tests/realkernel/real_kernel_test.h"
#include "tests/support/forked_process.h"

namespace gpreempt::kfd {
namespace {

/// Whether this kernel has the driver's newer permission rules: 6.12.107 has, 6.12.95 has not.
bool has_newer_rules() {
  utsname name{};
  EXPECT_EQ(::uname(&name), 0);
  const std::string_view release(static_cast<const char*>(name.release));
  constexpr std::string_view kSeries = "6.12.";
  constexpr int kFirst = 107;
  int patch = 0;
  EXPECT_TRUE(release.starts_with(kSeries)) << release;
  const auto digits = release.substr(kSeries.size());
  (void)std::from_chars(digits.data(), digits.data() + digits.size(), patch);
  return patch >= kFirst;
}

class ThreadTest : public RealKernelTest {
 protected:
  void SetUp() override {
    RealKernelTest::SetUp();
    ASSERT_TRUE(target_.obeys(Order::kStartRuntime));
    driver_ = os_.open("/dev/kfd", OpenMode::kReadWrite).value();
    pipe_ = os_.pipe().value();
    ASSERT_TRUE(is_ok(tracee_.seize()));
  }
  void TearDown() override {
    let_go();
    os_.close(pipe_.read);
    os_.close(pipe_.write);
    os_.close(driver_);
    expect_free();
  }
  void let_go() {
    tracee_.detach([this] {
      (void)os_.wait({}, saturating_add(os_.now(), std::chrono::milliseconds(1)));
      return true;
    });
  }
  [[nodiscard]] DbgTrap trap() { return {os_, driver_, target_.pid()}; }
  [[nodiscard]] int error_of_enable() {
    const auto result = trap().enable(abi::kProcessRuntime, pipe_.write);
    return result ? 0 : result.error().number;
  }
  [[nodiscard]] int error_of_snapshot() {
    const auto result = trap().snapshot();
    return result ? 0 : result.error().number;
  }
  [[nodiscard]] int error_of_disable() {
    const auto result = trap().disable();
    return result ? 0 : result.error().number;
  }
  /// What `call` returns on another thread than the one that traces.
  int elsewhere(const std::function<int()>& call) {
    int error = -1;
    const auto worker = os_.spawn("elsewhere", [&] { error = call(); }).value();
    EXPECT_TRUE(os_.join(worker));
    return error;
  }

  Tracee tracee_{os_, target_.pid()};
  Fd driver_ = kNoFd;
  PipeEnds pipe_;
};

TEST_F(ThreadTest, OnlyTheTracingThreadMayStartASession) {
  EXPECT_EQ(elsewhere([&] { return error_of_enable(); }), EPERM);
  EXPECT_EQ(error_of_enable(), 0);
  EXPECT_EQ(error_of_disable(), 0);
}

TEST_F(ThreadTest, AnotherThreadMayGoOnUnderTheNewerRules) {
  ASSERT_EQ(error_of_enable(), 0);
  EXPECT_EQ(elsewhere([&] { return error_of_snapshot(); }), has_newer_rules() ? 0 : EPERM);
  EXPECT_EQ(error_of_snapshot(), 0);
  EXPECT_EQ(error_of_disable(), 0);
}

TEST_F(ThreadTest, SessionOutlivesItsTracerUnderTheNewerRules) {
  ASSERT_EQ(error_of_enable(), 0);
  let_go();
  EXPECT_EQ(error_of_snapshot(), has_newer_rules() ? 0 : EPERM);
  EXPECT_EQ(error_of_disable(), 0);
}

TEST_F(ThreadTest, StrangerEndsASessionUnderTheOlderRules) {
  ASSERT_EQ(error_of_enable(), 0);
  const ForkedProcess stranger([&](int report) {
    LinuxOs os;
    const Fd driver = os.open("/dev/kfd", OpenMode::kReadWrite).value();
    const auto result = DbgTrap(os, driver, target_.pid()).disable();
    report_number(report, result ? 0 : result.error().number);
  });
  EXPECT_EQ(stranger.read(), has_newer_rules() ? EPERM : 0);
  EXPECT_EQ(error_of_disable(), has_newer_rules() ? 0 : EINVAL);
}

}  // namespace
}  // namespace gpreempt::kfd
