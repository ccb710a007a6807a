#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "backends/kfd/os.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/os/os_case.h"

/// Shared by the suites of the port's contract. They assert order and outcome, never durations; a
/// deadline of `kPatience` only turns a hang into a failure.
namespace gpreempt::os_contract {

inline constexpr Duration kPatience = std::chrono::seconds(20);

class OsTest : public ::testing::TestWithParam<OsCase> {
 protected:
  OsTest() : world_(GetParam().open()) {}

  [[nodiscard]] OsWorld& world() { return *world_; }
  [[nodiscard]] kfd::Os& os() { return world_->os(); }

  /// Waits for one descriptor; false if nothing came for `kPatience`.
  [[nodiscard]] bool await(kfd::Fd fd);
  /// The next change of a child, or nullopt if nothing came for `kPatience`.
  [[nodiscard]] std::optional<kfd::ChildStatus> await_child(Pid child);
  /// Ends a child and takes its exit.
  void kill(Pid child);

 private:
  std::unique_ptr<OsWorld> world_;
};

/// Name of a case as gtest wants it.
[[nodiscard]] std::string name_of(const ::testing::TestParamInfo<OsCase>& info);

}  // namespace gpreempt::os_contract

/// Skips the test where the world cannot serve the feature. In a test's body, before `run`.
#define OS_NEEDS(feature)                                                       \
  do {                                                                          \
    if (const auto reason = world().missing(Feature::feature); !reason.empty()) \
      GTEST_SKIP() << reason;                                                   \
  } while (false)

/// Instantiates a suite for every world of the program.
#define OS_SUITE(suite) \
  INSTANTIATE_TEST_SUITE_P(Port, suite, ::testing::ValuesIn(os_cases()), name_of)
