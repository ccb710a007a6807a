#include "tests/contract/known_divergences.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/contract/command_line.h"
#include "tests/support/expectations.h"
#include "tests/support/testbed_case.h"

namespace gpreempt::contract {

const Result<std::vector<Divergence>>& known_divergences() {
  static const Result<std::vector<Divergence>> all = load_divergences(GPREEMPT_EXPECTATIONS_DIR);
  return all;
}

const Present& present() {
  static const Present now{
      .today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()),
      .version = GPREEMPT_PROJECT_VERSION,
      .exclusive_hive = command_line().exclusive_hive};
  return now;
}

std::string full_name(const testing::TestInfo& test) {
  return std::string(test.test_suite_name()) + "." + test.name();
}

std::string why_left_out() {
  const testing::TestInfo* const test = testing::UnitTest::GetInstance()->current_test_info();
  if (test == nullptr || !known_divergences()) {
    return {};
  }
  const Divergence* const known =
      find_divergence(*known_divergences(), world_name(), full_name(*test), present());
  return known == nullptr ? std::string() : skip_reason(*known);
}

}  // namespace gpreempt::contract
