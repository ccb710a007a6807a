// Goal: a case file that is not understood is refused with its place and what to do.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "conformance/operation.h"
#include "conformance/scenario.h"

namespace gpreempt::conformance {
namespace {

constexpr std::string_view kHead = R"(schema = 1
scenario = "s"
summary = "A summary."
[evidence]
"dkms-6.12.12" = "source"
"upstream-6.12.95" = "ran"
"upstream-6.12.107" = "ran"
"upstream-7.3" = "ran-patched"
[[case]]
name = "n"
)";

Result<Scenario> parse(std::string_view rest) {
  return parse_scenario(std::string(kHead) + std::string(rest), "f.toml");
}

std::string refusal(std::string_view rest) {
  const Result<Scenario> scenario = parse(rest);
  return scenario ? std::string("taken") : scenario.error().what;
}

void expect_refusal(std::string_view rest, std::string_view line, std::string_view what) {
  const std::string refused = refusal(rest);
  EXPECT_NE(refused.find("f.toml:" + std::string(line)), std::string::npos) << refused;
  EXPECT_NE(refused.find(what), std::string::npos) << refused;
}

TEST(Loader, ReadsACase) {
  const Result<Scenario> scenario = parse(R"(by = "a/2"
op = "SUSPEND_QUEUES"
pid = "target"
args = { ids = [1, 0x40000002] }
within = "2s"
expect = { result = 0, ids = [0x80000001, 0xc0000002] }
[[case.differs]]
personality = "upstream-7.3"
expect = { result = "EPERM" }
)");
  ASSERT_TRUE(scenario) << scenario.error().what;
  const Case& read = scenario->cases.at(0);
  EXPECT_EQ(read.step.process, "a");
  EXPECT_TRUE(read.step.second_thread);
  EXPECT_EQ(read.step.pid, "target");
  EXPECT_EQ(read.step.operation.kind, OpKind::kSuspendQueues);
  EXPECT_EQ(read.step.operation.count, 2U);
  EXPECT_EQ(read.step.operation.ids[1], 0x40000002U);
  EXPECT_EQ(read.step.within, std::chrono::seconds(2));
  EXPECT_EQ(read.expected("upstream-6.12.95").result, "0");
  EXPECT_EQ(read.expected("upstream-7.3").result, "EPERM");
  EXPECT_EQ(scenario->evidence.at("upstream-7.3"), "ran-patched");
}

TEST(Loader, RefusesUnknownWordsAtTheirPlace) {
  expect_refusal("by = \"a\"\nop = \"SUSPEND\"\nexpect = { result = 0 }\n", "12", "SUSPEND_QUEUES");
  expect_refusal("by = \"c\"\nop = \"OPEN\"\nexpect = { result = 0 }\n", "11", "no actor");
  expect_refusal("by = \"a\"\nop = \"DISABLE\"\npid = \"nobdy\"\nexpect = { result = 0 }\n", "13",
                 "names no process");
  expect_refusal("by = \"a\"\nop = \"OPEN\"\nargs = { mask = 1 }\nexpect = { result = 0 }\n", "13",
                 "takes no such argument");
  expect_refusal("by = \"a\"\nop = \"READ\"\nargs = { file = \"pip\" }\nexpect = { result = 0 }\n",
                 "13", "pipe");
  expect_refusal("by = \"a\"\nop = \"OPEN\"\nexpect = { result = \"EWHAT\" }\n", "13",
                 "is no errno");
  expect_refusal("by = \"a\"\nop = \"OPEN\"\nexpect = { result = 0, first = 1 }\n", "13", "first");
  expect_refusal("by = \"a\"\nop = \"OPEN\"\nexpact = { result = 0 }\n", "", "expect");
}

TEST(Loader, RefusesMoreIdsThanACaseCanHold) {
  expect_refusal(
      "by = \"a\"\nop = \"SUSPEND_QUEUES\"\npid = \"a\"\n"
      "args = { ids = [1, 2, 3, 4, 5, 6, 7, 8, 9] }\nexpect = { result = 0 }\n",
      "14", "at most 8");
}

TEST(Loader, AFolderWithoutCasesIsRefused) {
  const auto loaded = load_scenarios(std::filesystem::path("/proc/self/task"));
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().what.find("no *.toml there"), std::string::npos);
}

}  // namespace
}  // namespace gpreempt::conformance
