// Goal: `explain` tells of one request what the log knows: who was told what, what the policy
// wanted and why, and what it cost. Each case records the small scenario, whose ten requests of 10
// ms come every 200 ms, the first one at the start.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/cli/executable.h"
#include "tests/cli/recorded_bundle.h"

namespace gpreempt::cli {
namespace {

using nlohmann::json;
using testing::Finished;
using testing::gpreempt;
using testing::read_file;
using testing::write_file;

class ExplainVerb : public testing::RecordedBundle {
 protected:
  Finished explain(const std::string& arguments) const {
    return gpreempt("explain " + out_ + " " + arguments);
  }
  json explain_json(int request, const std::string& arguments = "") const {
    const Finished finished =
        explain("--request " + std::to_string(request) + " --format json " + arguments);
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    return json::parse(finished.out, nullptr, false);
  }
  static std::int64_t sum_of_parts(const json& explanation) {
    std::int64_t sum = 0;
    for (const auto& [name, part] : explanation["parts_ns"].items()) {
      EXPECT_GE(part.get<std::int64_t>(), 0) << name;
      sum += part.get<std::int64_t>();
    }
    return sum;
  }
};

TEST_F(ExplainVerb, APreemptionIsToldWithItsReasonAndItsCost) {
  record("--policy suspend");
  const json before = explain_json(2);
  const json told = explain_json(3);
  EXPECT_EQ(told["verdict"], "preempted");
  EXPECT_EQ(told["detection"], "hint");
  EXPECT_EQ(told["detected_ns"], told["arrival_ns"]) << "the hint takes no time";
  const json& opinion = told["opinions"][0];
  EXPECT_EQ(opinion["at_ns"], told["arrival_ns"]);
  EXPECT_EQ(opinion["tenant"], "train");
  EXPECT_EQ(opinion["verdict"], "suspend");
  EXPECT_EQ(opinion["reason"], "online-busy");
  EXPECT_EQ(opinion["rejected"], "run");
  EXPECT_EQ(opinion["decided"], true);
  ASSERT_EQ(told["off"].size(), 1U);
  const json& off = told["off"][0];
  EXPECT_EQ(off["off"]["at_ns"], told["arrival_ns"]);
  EXPECT_EQ(off["back"]["reason"], "no-online-work");
  EXPECT_EQ(off["back"]["at_ns"].get<std::int64_t>(),
            told["arrival_ns"].get<std::int64_t>() + told["latency_ns"].get<std::int64_t>());
  // A cost is predicted to be the last one of its kind, which the request before paid.
  EXPECT_EQ(off["off"]["predicted_cost_ns"], before["off"][0]["off"]["cost_ns"]);
  EXPECT_EQ(off["back"]["predicted_cost_ns"], before["off"][0]["back"]["cost_ns"]);
  EXPECT_GT(off["off"]["cost_ns"], 0);
}

TEST_F(ExplainVerb, ThePartsOfEveryRequestSumToItsLatency) {
  for (const std::string backend : {"sim", "vkfd"}) {
    record("--policy suspend,slice --backend " + backend);
    for (const std::string policy : {"suspend", "slice"}) {
      for (int request = 0; request < 10; request += 3) {
        const json told = explain_json(request, "--policy " + policy);
        EXPECT_EQ(sum_of_parts(told), told["latency_ns"]) << told;
        EXPECT_GE(told["latency_ns"], told["alone_ns"]) << told;
        // Each call unmaps and maps all queues of the GPU, those of the request too.
        EXPECT_GT(told["bystander_ns"], 0);
      }
    }
  }
}

TEST_F(ExplainVerb, ARequestThatWasNotPreemptedForHasThePolicysReason) {
  record("--policy none,deadline");
  const json none = explain_json(4, "--policy none");
  EXPECT_EQ(none["verdict"], "not-preempted");
  EXPECT_EQ(none["opinions"][0]["reason"], "policy-never-acts");
  EXPECT_EQ(none["opinions"][0]["rejected"], "suspend");
  EXPECT_TRUE(none["off"].empty());
  EXPECT_EQ(none["bystander_ns"], 0);

  // Of 50 ms a request of 10 ms leaves enough, even beside Offline.
  const json deadline = explain_json(4, "--policy deadline");
  EXPECT_EQ(deadline["verdict"], "not-preempted");
  EXPECT_EQ(deadline["opinions"][0]["verdict"], "run");
  EXPECT_EQ(deadline["opinions"][0]["reason"], "slack");
  EXPECT_GT(deadline["opinions"][0]["terms"]["slack_ns"], 0);
  EXPECT_LE(deadline["opinions"][0]["terms"]["slack_ns"], 50'000'000);
}

TEST_F(ExplainVerb, ARequestThatFoundOfflineOffNamesTheEarlierDecision) {
  record("--policy linger:hold=1s");
  const json told = explain_json(5);
  EXPECT_EQ(told["verdict"], "found-off");
  ASSERT_EQ(told["off"].size(), 1U);
  EXPECT_EQ(told["off"][0]["off"]["at_ns"], explain_json(0)["arrival_ns"]);
  EXPECT_EQ(told["parts_ns"]["decide"], 0);
}

TEST_F(ExplainVerb, WhatThePolicyWantsLaterIsToldToo) {
  record("--policy slice:slice=4ms,gap=2ms");
  const json told = explain_json(6);
  ASSERT_GE(told["opinions"].size(), 3U);
  EXPECT_EQ(told["opinions"][0]["reason"], "online-busy");
  EXPECT_EQ(told["opinions"][1]["reason"], "slice-ended");
  EXPECT_EQ(told["opinions"][1]["verdict"], "run");
  // The slice is 4 ms long, from the decision on.
  EXPECT_EQ(told["opinions"][1]["at_ns"].get<std::int64_t>() -
                told["opinions"][0]["at_ns"].get<std::int64_t>(),
            4'000'000);
  EXPECT_GE(told["off"].size(), 2U) << "off, on for the gap, and off again";
}

TEST_F(ExplainVerb, UnderPollingDetectionTakesUpToAPeriod) {
  record("--policy suspend --set 'scheduler.detection=\"poll:1ms\"'");
  const json told = explain_json(3);
  EXPECT_EQ(told["detection"], "edge");
  const auto delay =
      told["detected_ns"].get<std::int64_t>() - told["arrival_ns"].get<std::int64_t>();
  EXPECT_GT(delay, 0);
  EXPECT_LE(delay, 1'000'000);
  EXPECT_EQ(told["parts_ns"]["detect"], delay);
  EXPECT_EQ(sum_of_parts(told), told["latency_ns"]);
}

TEST_F(ExplainVerb, TheTextSaysWhatWasRejectedAndWhatItCost) {
  record("--policy suspend");
  const Finished finished = explain("--request 3");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  for (const std::string part :
       {"request    3 of tenant serve (0 to 9), policy suspend, scenario small, seed 1",
        "detected   by a hint, at arrival",
        "verdict    preempted for: Offline was taken off after it arrived",
        "online-busy: an Online tenant of higher priority has work there, so 'run' was rejected",
        "  suspend: predicted ", " took ", "  back ", "bystander  ", "first-wave", "latency"}) {
    EXPECT_NE(finished.out.find(part), std::string::npos) << part << "\n" << finished.out;
  }
}

struct Unexplained {
  std::string arguments;
  std::string says;
};

TEST_F(ExplainVerb, RefusesWhatIsNotInTheBundle) {
  record("--policy none,suspend");
  for (const Unexplained& each : std::vector<Unexplained>{
           {"--request 3", "it holds several runs; write --policy with one of: none suspend"},
           {"--request 10 --policy none", "its requests are 0 to 9; choose one of them"},
           {"--request 3 --policy none --tenant train", "no Online tenant is called 'train'"},
           {"--request 3 --policy fair", "no run of that policy is in it"},
           {"--policy none", "--request"},
           {"--request -3 --policy none", "--request"},
       }) {
    const Finished finished = explain(each.arguments);
    EXPECT_EQ(finished.exit_code, 2) << each.arguments;
    EXPECT_NE(finished.err.find(each.says), std::string::npos) << finished.err;
  }
  std::filesystem::remove(std::filesystem::path(out_) / "events.jsonl");
  const Finished without = explain("--request 3 --policy none");
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_NE(without.err.find("it holds no events.jsonl"), std::string::npos) << without.err;
}

TEST_F(ExplainVerb, RefusesALogWhoseDecisionsAreNotMadeAgain) {
  record("--policy suspend");
  const std::filesystem::path file = std::filesystem::path(out_) / "events.jsonl";
  std::string text = read_file(file);
  const std::string reason = R"("reason":"online-busy")";
  text.replace(text.find(reason), reason.size(), R"("reason":"slack")");
  write_file(file, text);
  const Finished finished = explain("--request 3");
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("see 'gpreempt replay'"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace gpreempt::cli
