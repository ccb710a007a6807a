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
  if (std::getenv("GPREEMPT_SHORT") != nullptr && target.group == "closed-form") {
    GTEST_SKIP() << "too long for a sanitizer build; model/MG1Test has a short form";
  }
  const Result<Answer> answer = target.run();
  ASSERT_TRUE(answer.has_value()) << answer.error().what;
  EXPECT_NE(judge(target, *answer), Verdict::kFail)
      << target.name << ": " << answer->value << " " << target.unit << ", expected "
      << target.expected.value_or(0);
}

INSTANTIATE_TEST_SUITE_P(All, TargetTest,
                         testing::ValuesIn(std::vector<Target>(targets().begin(), targets().end())),
                         [](const auto& target) {
                           std::string name = target.param.name;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace gpreempt::validation
