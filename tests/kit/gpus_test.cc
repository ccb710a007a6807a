// Goal: with --gpus every step, and what it starts, sees these GPUs and no others. Method: a
// machine's GPUs in a folder, and what the variables say when the stand-in for the tool is called.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "tests/kit/kit.h"

namespace gpreempt::kit {
namespace {

class ChosenGpus : public KitTest {
 protected:
  void SetUp() override {
    KitTest::SetUp();
    // The tenth node comes after the second.
    for (const auto& [node, id] : {std::pair("0", "0"), std::pair("1", "63420"),
                                   std::pair("2", "6699"), std::pair("10", "1")}) {
      std::filesystem::create_directories(folder() / "nodes" / node);
      std::ofstream(folder() / "nodes" / node / "gpu_id") << id << "\n";
    }
    hook(R"(echo "$1 ${ROCR_VISIBLE_DEVICES-unset} ${HIP_VISIBLE_DEVICES-unset}" >>"$FAKE/seen")");
  }
  [[nodiscard]] std::string machine() const {
    return "BACKEND=kfd KERNEL_LOG=true KFD_PROC=/nowhere HIP_VISIBLE_DEVICES=7 KFD_NODES='" +
           (folder() / "nodes").string() + "'";
  }
  /// What the tool's calls saw, each once, without the verb.
  [[nodiscard]] std::set<std::string> seen() const {
    std::set<std::string> all;
    std::istringstream lines(text_of(folder() / "seen"));
    for (std::string line; std::getline(lines, line);) {
      all.insert(line.substr(line.find(' ') + 1));
    }
    return all;
  }
};

TEST_F(ChosenGpus, ReachEveryStepByIdOrPlaceInTheirOrder) {
  const Ended ended = with_fake("--gpus 1,1B0f", machine());
  EXPECT_EQ(ended.exit_code, 2) << ended.text;
  EXPECT_NE(ended.text.find("'1B0f' is no GPU"), std::string::npos) << ended.text;
  EXPECT_NE(ended.text.find("from 0: f7bc 1a2b 1"), std::string::npos) << ended.text;
  const Ended done = with_fake("--gpus 1A2B,0", machine());
  EXPECT_EQ(done.exit_code, 1) << done.text;  // no torchrun
  EXPECT_NE(done.text.find("on GPUs 1a2b f7bc only (ROCR_VISIBLE_DEVICES=1,0)"), std::string::npos)
      << done.text;
  EXPECT_GE(calls_of("experiment"), 2U);
  EXPECT_EQ(calls_of("run soak-remaps"), 4U);
  EXPECT_EQ(seen(), std::set<std::string>{"1,0 unset"});
  EXPECT_NE(text_of(day() / "provenance" / "machine.txt").find("GPUs 1a2b f7bc"),
            std::string::npos);
}

TEST_F(ChosenGpus, IdIsMeantBeforeAPlace) {
  const Ended ended = with_fake("--gpus 1 --dry-run", machine());
  EXPECT_NE(ended.text.find(" ROCR_VISIBLE_DEVICES=2 timeout"), std::string::npos) << ended.text;
}

TEST_F(ChosenGpus, AreAllThatAGangHas) {
  const Ended one = with_fake("--gpus f7bc --only gang-ddp", machine());
  EXPECT_NE(one.text.find("a gang needs two GPUs, and here are 1"), std::string::npos) << one.text;
}

TEST_F(ChosenGpus, OthersAreDoneAnew) {
  EXPECT_EQ(with_fake("--gpus f7bc --only provenance", machine()).exit_code, 0);
  const Ended other = with_fake("--gpus 1a2b --list", machine());
  EXPECT_EQ(other.text.find(" s  done "), std::string::npos) << other.text;
  const Ended same = with_fake("--gpus f7bc --list", machine());
  EXPECT_NE(same.text.find(" s  done "), std::string::npos) << same.text;
}

TEST_F(ChosenGpus, ChoiceOfTheEnvironmentIsRefusedUnlessOneIsMadeHere) {
  const std::string narrowed = machine() + " ROCR_VISIBLE_DEVICES=1";
  const Ended refused = with_fake("--only doctor", narrowed);
  EXPECT_EQ(refused.exit_code, 2) << refused.text;
  EXPECT_NE(refused.text.find("ROCR_VISIBLE_DEVICES=1 is set: unset it, or name these GPUs"),
            std::string::npos)
      << refused.text;
  EXPECT_EQ(calls_of(""), 0U);
  EXPECT_EQ(with_fake("--gpus f7bc --only doctor", narrowed).exit_code, 0);
  EXPECT_EQ(seen(), std::set<std::string>{"0 unset"});
}

TEST_F(ChosenGpus, WithoutAChoiceNothingIsSet) {
  EXPECT_EQ(with_fake("--only doctor", machine()).exit_code, 0);
  EXPECT_EQ(seen(), std::set<std::string>{"unset 7"});
}

TEST_F(ChosenGpus, WhatMakesNoSenseIsRefusedAndAModelHasNone) {
  for (const char* const wrong : {"--gpus 0,f7bc", "--gpus ,", "--gpus ''", "--gpus 4", "--gpus"}) {
    EXPECT_EQ(with_fake(wrong, machine()).exit_code, 2) << wrong;
  }
  const Ended model = with_fake("--gpus f7bc --only doctor", "BACKEND=vkfd");
  EXPECT_EQ(model.exit_code, 0) << model.text;
  EXPECT_NE(model.text.find("vkfd is a model"), std::string::npos) << model.text;
  EXPECT_EQ(seen(), std::set<std::string>{"unset unset"});
}

}  // namespace
}  // namespace gpreempt::kit
