#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <optional>
#include <utility>

#include "backends/kfd/linux_os.h"
#include "core/error.h"
#include "core/time.h"
#include "tests/realkernel/controller.h"
#include "tests/realkernel/one_queue_os.h"
#include "tests/realkernel/runtime_process.h"

namespace gpreempt::kfd {

using Order = RuntimeProcess::Order;

/// Whether a call worked; if not, why.
template <class T>
[[nodiscard]] ::testing::AssertionResult is_ok(const Result<T>& result) {
  return result ? ::testing::AssertionSuccess()
                : ::testing::AssertionFailure() << result.error().what;
}

/// Whether it holds before long.
template <class Holds>
[[nodiscard]] bool eventually(Holds holds) {
  LinuxOs clock;
  const Instant deadline = clock.now() + std::chrono::seconds(10);
  bool is_so = holds();
  while (!is_so && clock.now() < deadline) {
    (void)::poll(nullptr, 0, 1);
    is_so = holds();
  }
  return is_so;
}

/// One process with the driver open, and this one, which may control it.
class RealKernelTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(target_.has_obeyed()) << "it cannot open /dev/kfd"; }

  /// From here on `controller_` controls the process.
  void attach() {
    auto opened = Controller::open(os_);
    ASSERT_TRUE(is_ok(opened));
    controller_.emplace(*std::move(opened));
    ASSERT_TRUE(is_ok(controller_->attach(target_.pid())));
  }

  /// The process still counts and does what it is told, and a controller can do all to it.
  void expect_free() {
    EXPECT_TRUE(target_.runs_on());
    EXPECT_TRUE(target_.has_obeyed());
    EXPECT_TRUE(target_.obeys(Order::kStartRuntime));
    EXPECT_TRUE(is_ok(Controller::control_once(os_, target_.pid())));
    EXPECT_TRUE(target_.runs_on());
  }

  RuntimeProcess target_;
  OneQueueOs os_;
  std::optional<Controller> controller_;
};

}  // namespace gpreempt::kfd
