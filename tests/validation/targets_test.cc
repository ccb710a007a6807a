// Goal: what `gpreempt validate` prints holds: every target that has an expected value is met.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/error.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

class TargetTest : public testing::TestWithParam<Target> {};

TEST_P(TargetTest, IsMet) {
  const Target& target = GetParam();
  if (std::getenv("GPREEMPT_SHORT") != nullptr && !target.group.starts_with("V1")) {
    GTEST_SKIP() << "too long for a sanitizer build; tests/sim has short forms of the closed forms";
  }
  const Result<Answer> given = answer(target, 0);
  const Verdict verdict = judge(target, given);
  if (verdict == Verdict::kSkipped) {
    GTEST_SKIP() << given.error().what;
  }
  ASSERT_TRUE(given.has_value()) << given.error().what;
  EXPECT_NE(verdict, Verdict::kFail) << target.name << ": " << given->value << " " << target.unit
                                     << ", expected " << target.expected.value_or(0);
  if (!target.miss.empty()) {
    EXPECT_EQ(verdict, Verdict::kKnownMiss) << target.name << " is met: its note can go";
  }
}

std::vector<Target> all_targets() {
  const char* const folder = std::getenv("GPREEMPT_DATA_DIR");
  return targets(folder != nullptr ? folder : "../shared/data");
}

INSTANTIATE_TEST_SUITE_P(All, TargetTest, testing::ValuesIn(all_targets()), [](const auto& target) {
  std::string name = target.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace gpreempt::validation
