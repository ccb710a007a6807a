// Goal: the dependency rule bites. Method: each case is one include that a folder may or may not
// have.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/layering/rules.h"
#include "tests/layering/source_text.h"

namespace gpreempt::tidy {
namespace {

struct IncludeCase {
  std::string path;
  std::string include;
};

void PrintTo(const IncludeCase& c, std::ostream* out) {
  *out << c.path << " includes " << c.include;
}

Findings judge(const IncludeCase& c) {
  return check_includes({.path = c.path, .text = "#pragma once\n#include " + c.include + "\n"});
}

class RefusedInclude : public testing::TestWithParam<IncludeCase> {};

TEST_P(RefusedInclude, IsFoundOnItsLineWithAdvice) {
  const Findings findings = judge(GetParam());
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].line, 2U);
  EXPECT_EQ(findings[0].path, GetParam().path);
  EXPECT_FALSE(findings[0].message.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Layers, RefusedInclude,
    testing::Values(
        IncludeCase{"core/a.h", "\"config/toml.h\""},
        IncludeCase{"core/a.cc", "\"backends/sim/world.h\""},
        IncludeCase{"core/a.cc", "\"tests/support/mock.h\""},
        IncludeCase{"core/a.cc", "<simgrid/s4u.hpp>"}, IncludeCase{"core/a.cc", "<toml++/toml.h>"},
        IncludeCase{"core/a.cc", "<spdlog/spdlog.h>"}, IncludeCase{"core/a.cc", "<sys/ioctl.h>"},
        IncludeCase{"core/a.cc", "<unistd.h>"},
        IncludeCase{"config/a.cc", "\"workloads/scenario.h\""},
        IncludeCase{"workloads/a.cc", "\"backends/kfd/os.h\""},
        IncludeCase{"workloads/a.cc", "\"cli/report.h\""},
        IncludeCase{"backends/sim/a.cc", "\"backends/kfd/os.h\""},
        IncludeCase{"backends/sim/a.cc", "\"workloads/scenario.h\""},
        IncludeCase{"backends/sim/gpu/a.cc", "<simgrid/s4u.hpp>"},
        IncludeCase{"backends/sim/kfd_model/a.h", "<xbt/log.h>"},
        IncludeCase{"backends/kfd/a.cc", "\"config/toml.h\""},
        IncludeCase{"backends/kfd/a.cc", "\"backends/sim/world.h\""},
        IncludeCase{"backends/kfd/a.cc", "\"backends/vkfd/sim_os.h\""},
        IncludeCase{"backends/kfd/a.cc", "<simgrid/s4u.hpp>"},
        IncludeCase{"backends/kfd/a.h", "<spdlog/spdlog.h>"},
        IncludeCase{"backends/vkfd/a.cc", "\"workloads/scenario.h\""},
        IncludeCase{"cli/a.cc", "<simgrid/s4u.hpp>"}, IncludeCase{"cli/a.h", "<CLI/CLI.hpp>"},
        IncludeCase{"cli/a.cc", "\"tests/support/mock.h\""},
        IncludeCase{"workloads/a.cc", "<CLI/CLI.hpp>"},
        IncludeCase{"tests/contract/suspend_test.cc", "\"backends/sim/world.h\""},
        IncludeCase{"tests/unit/a_test.cc", "<simgrid/s4u.hpp>"},
        IncludeCase{"core/a.cc", "\"time.h\""}, IncludeCase{"core/a.cc", "\"../cli/report.h\""}));

class AllowedInclude : public testing::TestWithParam<IncludeCase> {};

TEST_P(AllowedInclude, IsNotFound) { EXPECT_TRUE(judge(GetParam()).empty()); }

INSTANTIATE_TEST_SUITE_P(
    Layers, AllowedInclude,
    testing::Values(IncludeCase{"core/a.cc", "\"core/time.h\""},
                    IncludeCase{"core/a.cc", "<vector>"},
                    IncludeCase{"core/a.cc", "<fmt/format.h>"},
                    IncludeCase{"core/a.cc", "<boost/math/distributions/binomial.hpp>"},
                    IncludeCase{"config/a.cc", "<toml++/toml.h>"},
                    IncludeCase{"workloads/a.cc", "\"config/toml.h\""},
                    IncludeCase{"backends/sim/world.cc", "<simgrid/s4u.hpp>"},
                    IncludeCase{"backends/sim/gpu/a.cc", "\"backends/sim/timeline.h\""},
                    IncludeCase{"backends/kfd/a.cc", "<linux/kfd_ioctl.h>"},
                    IncludeCase{"backends/kfd/a.cc", "<spdlog/spdlog.h>"},
                    IncludeCase{"backends/vkfd/a.cc", "\"backends/kfd/os.h\""},
                    IncludeCase{"cli/main.cc", "<CLI/CLI.hpp>"},
                    IncludeCase{"tests/contract/main_sim.cc", "<simgrid/s4u.hpp>"},
                    IncludeCase{"tests/contract/main_sim.cc", "\"backends/sim/testbed.h\""},
                    IncludeCase{"tests/sim/a_test.cc", "<simgrid/s4u.hpp>"},
                    IncludeCase{"tests/unit/a_test.cc", "\"core/backend.h\""}));

TEST(IncludeRule, IgnoresIncludesInComments) {
  const std::string text = "// #include <simgrid/s4u.hpp>\n/*\n#include <unistd.h>\n*/\n";
  EXPECT_TRUE(check_includes({.path = "core/a.cc", .text = text}).empty());
}

TEST(ModelRule, FindsSimGridBehindAHeaderOfOurs) {
  const std::vector<SourceFile> tree = {
      {.path = "backends/sim/engine.h", .text = "#include <simgrid/s4u.hpp>\n"},
      {.path = "backends/sim/between.h", .text = "#include \"backends/sim/engine.h\"\n"},
      {.path = "backends/sim/gpu/cu.cc", .text = "#include \"backends/sim/between.h\"\n"},
      {.path = "backends/sim/world.cc", .text = "#include \"backends/sim/engine.h\"\n"}};
  const Findings findings = check_models(tree);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].path, "backends/sim/gpu/cu.cc");
  EXPECT_NE(findings[0].message.find("backends/sim/engine.h"), std::string::npos);
}

TEST(ModelRule, SurvivesHeadersThatIncludeEachOther) {
  const std::vector<SourceFile> tree = {
      {.path = "backends/sim/gpu/a.h", .text = "#include \"backends/sim/gpu/b.h\"\n"},
      {.path = "backends/sim/gpu/b.h", .text = "#include \"backends/sim/gpu/a.h\"\n"}};
  EXPECT_TRUE(check_models(tree).empty());
}

}  // namespace
}  // namespace gpreempt::tidy
