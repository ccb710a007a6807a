#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {

inline constexpr Suspend kSuspend{.grace = std::nullopt, .lease = kLongLease};

/// A fresh world for each test, closed after it. What goes wrong in one of its members fails the
/// test and yields an empty value, so that a test reads as what it asserts.
class BackendTest : public testing::TestWithParam<TestbedCase> {
 protected:
  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] Testbed& testbed() { return *testbed_; }
  [[nodiscard]] Backend& backend() { return testbed_->backend(); }
  /// Every event served so far.
  [[nodiscard]] const EventLog& log() const { return log_; }

  /// Closes this world and opens another one like it.
  void reopen();
  /// kill -9 of the controller; only `testbed()` is of use afterwards.
  void kill_controller();

  Pid launch(const Program& program);
  /// Starts what was launched and waits until `pid` has done some work.
  void start_and_wait_for_work(Pid pid);
  void wait(Duration duration);
  /// Lets the world go on until this process has done everything it is to do.
  void wait_for_end_of(Pid pid, const Program& program);
  [[nodiscard]] ProgramProgress progress(Pid pid) { return testbed_->progress(pid); }
  /// The process does work within a second from now.
  [[nodiscard]] bool makes_progress(Pid pid);

  Attached attach(Pid pid, AttachMode mode = AttachMode::kControl);
  /// Suspends all queues of the target; each outcome must be ok.
  ControlDone suspend(const Attached& target, Duration lease = kLongLease);
  ControlDone resume(const Attached& target);
  template <class What>
  What await(Duration patience = kPatience) {
    Result<What> what =
        contract::await<What>(backend(), saturating_add(backend().now(), patience), log_);
    if (!what) {
      ADD_FAILURE() << what.error().what;
      return What{};
    }
    return *what;
  }
  /// Serves events until `duration` has passed.
  void serve_for(Duration duration);

  /// An Offline training job under way, attached for control.
  struct Training {
    Pid pid;
    Attached target;
  };
  Training start_training();
  /// The same with a second, idle queue, on another GPU.
  Training start_on_two_gpus();

 private:
  ControlDone checked(const Result<ControlDone>& done);

  std::unique_ptr<Testbed> testbed_;
  EventLog log_;
  bool killed_ = false;
};

/// The sentence of an unexpected error, for a failure's message; empty without one.
template <class T>
[[nodiscard]] std::string sentence(const Result<T>& result) {
  return result ? std::string{} : result.error().what;
}

/// For `EXPECT_EQ(code_of(result), Errc::kBusy)`; a success yields no code.
template <class T>
[[nodiscard]] std::optional<Errc> code_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional<Errc>(result.error().code);
}

/// Names a test after its world.
[[nodiscard]] std::string name_of_world(const testing::TestParamInfo<TestbedCase>& info);

}  // namespace gpreempt::contract

/// Runs a suite in every world of this program.
#define GPREEMPT_IN_EVERY_WORLD(suite)                                               \
  INSTANTIATE_TEST_SUITE_P(Backend, suite,                                           \
                           testing::ValuesIn(::gpreempt::contract::testbed_cases()), \
                           ::gpreempt::contract::name_of_world)

/// Runs a suite on hardware with costs drawn from the model's priors.
#define GPREEMPT_IN_DRAWN_WORLDS(suite)                                                            \
  INSTANTIATE_TEST_SUITE_P(Backend, suite, testing::ValuesIn(::gpreempt::contract::drawn_cases()), \
                           ::gpreempt::contract::name_of_world)

/// Runs a suite on hardware of each kind of firmware that this program knows.
#define GPREEMPT_IN_BOTH_FIRMWARES(suite)                                             \
  INSTANTIATE_TEST_SUITE_P(Backend, suite,                                            \
                           testing::ValuesIn(::gpreempt::contract::firmware_cases()), \
                           ::gpreempt::contract::name_of_world)
