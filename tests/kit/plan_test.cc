// Goal: what the kit says before it begins is true, and a rehearsal leaves what it says. Method:
// its own printed plan; the real tool on the virtual driver.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <string>

#include "tests/kit/kit.h"

namespace gpreempt::kit {
namespace {

using Plan = KitTest;

TEST_F(Plan, QuickIsUnderAnHour) {
  const Ended ended = with_tool("--list", "BACKEND=kfd");
  ASSERT_EQ(ended.exit_code, 0) << ended.text;
  std::smatch found;
  ASSERT_TRUE(std::regex_search(ended.text, found, std::regex("([0-9]+) min at most")))
      << ended.text;
  EXPECT_LE(std::stoi(found[1].str()), 60);
}

TEST_F(Plan, ListingAndDryRunWriteNothing) {
  EXPECT_EQ(with_fake("--list").exit_code, 0);
  const Ended dry = with_fake("--dry-run");
  EXPECT_EQ(dry.exit_code, 0);
  EXPECT_NE(dry.text.find("validate-hardware --profile quick --backend vkfd"), std::string::npos)
      << dry.text;
  EXPECT_FALSE(std::filesystem::exists(day()));
  EXPECT_TRUE(calls().empty());
}

TEST_F(Plan, WhatIsNotKnownIsRefused) {
  for (const char* wrong :
       {"--from nowhere", "--only nowhere", "--limit nowhere=3", "--limit doctor=0",
        "--profile fast", "--soak-seconds 0", "--frm doctor", "--from"}) {
    const Ended ended = with_fake(wrong);
    EXPECT_EQ(ended.exit_code, 2) << wrong << ": " << ended.text;
    EXPECT_TRUE(calls().empty()) << wrong;
  }
  EXPECT_EQ(with_fake("", "BACKEND=cuda").exit_code, 2);
}

TEST_F(Plan, AToolThatIsNotThereIsRefused) {
  const Ended ended = with_fake("", "BACKEND=vkfd GPREEMPT=/nowhere/gpreempt");
  EXPECT_EQ(ended.exit_code, 3) << ended.text;
  EXPECT_NE(ended.text.find("there is no gpreempt"), std::string::npos) << ended.text;
}

TEST_F(Plan, MoreArgumentsReachEachRun) {
  EXPECT_EQ(with_fake("--only soak-2-streams-10-hz",
                      "BACKEND=vkfd RUN_ARGS='--offline \"python train.py\"'")
                .exit_code,
            0);
  ASSERT_EQ(calls().size(), 1U);
  EXPECT_TRUE(calls().front().ends_with(" --offline python train.py")) << calls().front();
}

TEST_F(Plan, WhomItMayDisturbReachesEveryStepThatControlsSomebody) {
  const Ended ended =
      with_fake("--dry-run --bystander command:vllm", "BACKEND=kfd KERNEL_LOG=true");
  for (const char* step : {"validate-hardware --profile", "experiment alpha", "experiment beta",
                           "soak 2 10", "soak 8 100"}) {
    const std::size_t at = ended.text.find(step);
    ASSERT_NE(at, std::string::npos) << step << ended.text;
    EXPECT_NE(
        ended.text.substr(at, ended.text.find('\n', at) - at).find("--bystander command:vllm"),
        std::string::npos)
        << ended.text;
  }
}

TEST_F(Plan, AGangThatCannotBeMadeHereStopsNothing) {
  const Ended ended = with_fake("--from gang-ddp",
                                "BACKEND=kfd KERNEL_LOG=true KFD_NODES=/nowhere KFD_PROC=/nowhere");
  EXPECT_EQ(ended.exit_code, 1) << ended.text;
  EXPECT_NE(ended.text.find("a gang needs two GPUs, and here are 0"), std::string::npos)
      << ended.text;
  EXPECT_TRUE(std::filesystem::exists(day() / "evidence-kfd-quick.tar.gz")) << ended.text;
}

// The model misses the plan's limit for the first suspend of a process (docs/validate-hardware.md),
// so that the exit code is 1.
TEST_F(Plan, ARehearsalLeavesAnArchiveWithEveryResult) {
#ifdef GPREEMPT_CLI_HAS_VKFD
  const Ended ended = with_tool("--soak-seconds 2", "BACKEND=vkfd");
  EXPECT_EQ(ended.exit_code, 1) << ended.text;
  for (const char* file :
       {"report.html", "report.md", "provenance/machine.txt", "provenance/doctor.json",
        "state/conformance.record", "results/validate-hardware/verdicts.json",
        "results/contract/contract.xml", "results/experiment-suspend-latency/verdicts.json",
        "results/soak-2-streams-10-hz/summary.json", "results/soak-8-streams-100-hz/summary.json",
        "evidence-vkfd-quick.tar.gz", "evidence-vkfd-quick.tar.gz.sha256"}) {
    EXPECT_TRUE(std::filesystem::exists(day() / file)) << file << "\n" << ended.text;
  }
  EXPECT_NE(text_of(day() / "report.md").find("Recommendation for stage 2"), std::string::npos);
#else
  GTEST_SKIP() << "this build has no vkfd backend";
#endif
}

}  // namespace
}  // namespace gpreempt::kit
