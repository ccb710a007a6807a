// Goal: a recorded run is decided again as it was, on every world and under every policy; a log
// that was changed is noticed; another policy on the same events is told apart from a run of its
// own.
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
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

class ReplayVerb : public testing::RecordedBundle {
 protected:
  Finished replay(const std::string& arguments = "") const {
    return gpreempt("replay " + out_ + " " + arguments);
  }
  json replay_json(const std::string& arguments = "") const {
    return json::parse(replay(arguments + " --format json").out, nullptr, false);
  }
  /// Puts `to` in the place of the `nth` (from 0) `from` in the bundle's events.
  void change_events(const std::string& from, const std::string& to, int nth = 0) const {
    const std::filesystem::path file = std::filesystem::path(out_) / "events.jsonl";
    std::string text = read_file(file);
    std::size_t at = text.find(from);
    for (; nth > 0 && at != std::string::npos; --nth) {
      at = text.find(from, at + 1);
    }
    ASSERT_NE(at, std::string::npos) << from;
    write_file(file, text.replace(at, from.size(), to));
  }
};

/// Policies that a log of the small scenario, with deadlines from its limits, can be made under.
void expect_all_reproduced(const json& report, std::size_t runs) {
  ASSERT_EQ(report["results"].size(), runs);
  for (const json& result : report["results"]) {
    EXPECT_EQ(result["verdict"], "reproduced") << result;
  }
}

TEST_F(ReplayVerb, EveryPolicyDecidesAgainAsItDidOnSim) {
  record("--policy all");
  const json report = replay_json();
  expect_all_reproduced(report, 15);
  EXPECT_EQ(report["results"][0]["decisions"], 0) << "policy none decides nothing";
  // suspend: off at each of the ten requests, and on again after each.
  EXPECT_EQ(report["results"][1]["decisions"], 20);
}

TEST_F(ReplayVerb, EveryPolicyDecidesAgainAsItDidOnVkfd) {
  record("--policy all --backend vkfd");
  expect_all_reproduced(replay_json(), 15);
}

TEST_F(ReplayVerb, PolledEdgesAreReplayedToo) {
  for (const std::string backend : {"sim", "vkfd"}) {
    record(
        "--policy suspend,linger,slice,fair --set 'scheduler.detection=\"poll:1ms\"' --backend " +
        backend);
    expect_all_reproduced(replay_json(), 4);
  }
}

TEST_F(ReplayVerb, MechanismsThatNeedArmingAreReplayedToo) {
  record("--policy suspend --mechanism launch-throttle:k=4");
  expect_all_reproduced(replay_json(), 1);
}

TEST_F(ReplayVerb, GangsThatTakeTurnsAreReplayedToo) {
  for (const std::string backend : {"sim", "vkfd"}) {
    const Finished ran = gpreempt(
        "run ddp-2gpu --quiet --duration 2s --policy suspend,slice --set "
        "'scheduler.gang.split=\"staggered:1ms\"' --backend " +
        backend + " --out " + out_);
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    expect_all_reproduced(replay_json(), 2);
  }
}

TEST_F(ReplayVerb, AnotherDecisionThanTheRecordedOneIsShownBesideIt) {
  record("--policy suspend");
  change_events(R"("reason":"online-busy")", R"("reason":"slack")", 3);
  const Finished finished = replay();
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_NE(finished.out.find("suspend: DIFFERS after 6 decisions, at line "), std::string::npos)
      << finished.out;
  EXPECT_NE(finished.out.find("\n  recorded  {\"at\":"), std::string::npos);
  EXPECT_NE(finished.out.find("\"reason\":\"slack\""), std::string::npos);
  EXPECT_NE(finished.out.find("\"reason\":\"online-busy\""), std::string::npos);
  const json difference = replay_json()["results"][0]["first_difference"];
  EXPECT_EQ(json::parse(difference["recorded"].get<std::string>())["reason"], "slack");
  EXPECT_EQ(json::parse(difference["replayed"].get<std::string>())["reason"], "online-busy");
}

TEST_F(ReplayVerb, AnEventThatWasTakenOutIsNoticed) {
  record("--policy suspend");
  const std::filesystem::path file = std::filesystem::path(out_) / "events.jsonl";
  std::istringstream lines(read_file(file));
  std::string kept;
  bool taken = false;
  for (std::string line; std::getline(lines, line);) {
    const bool take = !taken && line.find("\"kind\":\"work-finished\"") != std::string::npos;
    taken = taken || take;
    kept += take ? "" : line + "\n";
  }
  ASSERT_TRUE(taken);
  write_file(file, kept);
  EXPECT_EQ(replay().exit_code, 1);
}

TEST_F(ReplayVerb, TheEndOfACallAboutOtherQueuesIsNoticed) {
  record("--policy suspend");
  change_events(R"("control":"suspend")", R"("control":"resume")");
  EXPECT_EQ(replay().exit_code, 0) << "the scheduler knows what it asked for";
  change_events(R"("outcomes":[{"queue":)", R"("outcomes":[{"queue":7)");
  const Finished finished = replay();
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_NE(finished.out.find("  recorded  a call about queues 7"), std::string::npos)
      << finished.out;
}

TEST_F(ReplayVerb, ThePolicyWithItsDefaultsWrittenOutFlipsNothing) {
  record("--policy linger");
  const json other = replay_json("--policy linger:hold=5ms")["what_if"];
  EXPECT_EQ(other["diverged_ns"], nullptr);
  EXPECT_EQ(other["decisions"], other["recorded_decisions"]);
  EXPECT_TRUE(other["flips"].empty());
  EXPECT_EQ(other["assumed"]["calls"], 0);
}

TEST_F(ReplayVerb, UnderNoneEveryRequestLosesItsPreemption) {
  record("--policy suspend");
  const json other = replay_json("--policy none")["what_if"];
  EXPECT_EQ(other["open_loop"], true);
  EXPECT_EQ(other["decisions"], 0);
  ASSERT_EQ(other["flips"].size(), 10U);
  EXPECT_EQ(other["tenants"][0]["recorded"], 10);
  EXPECT_EQ(other["tenants"][0]["lost"], 10);
  EXPECT_EQ(other["tenants"][0]["gained"], 0);
  for (std::size_t i = 0; i < 10; ++i) {
    const json& flip = other["flips"][i];
    EXPECT_EQ(flip["request"], i);
    EXPECT_EQ(flip["recorded"], "preempted");
    EXPECT_EQ(flip["replayed"], "not-preempted");
    // That the first one is not preempted for is certain: until then all was the same.
    EXPECT_EQ(flip["conditional"], i > 0);
  }
  EXPECT_EQ(other["flips"][0]["arrival_ns"], other["diverged_ns"]);
  // The twenty calls of suspend ended in the record, and none of them is this policy's.
  EXPECT_EQ(other["assumed"]["calls_dropped"], 20);
  EXPECT_EQ(other["assumed"]["calls"], 0);
}

TEST_F(ReplayVerb, UnderSuspendEveryRequestOfNoneGainsOne) {
  record("--policy none");
  const json other = replay_json("--policy suspend")["what_if"];
  EXPECT_EQ(other["decisions"], 20);
  EXPECT_EQ(other["tenants"][0]["gained"], 10);
  EXPECT_EQ(other["assumed"]["calls"], 20);
  EXPECT_EQ(other["assumed"]["suspends_recorded"], 0);
  EXPECT_EQ(other["assumed"]["suspend_ns"], 0);
}

TEST_F(ReplayVerb, ASuspensionOfItsOwnEndsWithTheLease) {
  record("--policy none --set 'scheduler.lease=\"5ms\"'");
  // suspend keeps Offline off while a request of more than 10 ms runs, so each suspension outlasts
  // the lease; the scheduler then asks again, as it does of a backend.
  const json other = replay_json("--policy suspend")["what_if"];
  EXPECT_EQ(other["decisions"], 20);
  EXPECT_GT(other["assumed"]["calls"], 30);
}

TEST_F(ReplayVerb, SaysThatItIsOpenLoopAndWhatItLeftOut) {
  record("--policy suspend");
  const Finished finished = replay("--policy none");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_NE(finished.out.find("Open loop: requests arrive and end as recorded"), std::string::npos);
  EXPECT_NE(finished.out.find("conditional"), std::string::npos);
  EXPECT_NE(finished.out.find("20 recorded ends of calls"), std::string::npos) << finished.out;
  EXPECT_NE(finished.out.find("if nothing else changed"), std::string::npos);
}

TEST_F(ReplayVerb, ARecordedPolicyIsReplayedOnItsOwnRun) {
  record("--policy none,suspend");
  const json report = replay_json("--policy suspend");
  expect_all_reproduced(report, 1);
  EXPECT_EQ(report["results"][0]["name"], "suspend");
  EXPECT_EQ(report["what_if"], nullptr);
  EXPECT_EQ(replay_json("--policy suspend --run none")["what_if"]["recorded_policy"], "none");
}

struct Refusal {
  std::string arguments;
  std::string says;
};

TEST_F(ReplayVerb, RefusesWhatItCannotReplay) {
  record("--policy none,suspend");
  for (const Refusal& refusal : std::vector<Refusal>{
           {"--policy linger", "it holds several runs; write --run with one of: none suspend"},
           {"--policy lingr", "did you mean 'linger'?"},
           {"--run fair", "no run of that policy is in it"},
           {"--format csv", "csv"},
       }) {
    const Finished finished = replay(refusal.arguments);
    EXPECT_EQ(finished.exit_code, 2) << refusal.arguments;
    EXPECT_NE(finished.err.find(refusal.says), std::string::npos) << finished.err;
  }
  EXPECT_EQ(gpreempt("replay " + folder_.string()).exit_code, 2);
  EXPECT_EQ(gpreempt("replay").exit_code, 2);
}

TEST_F(ReplayVerb, RefusesAPolicyThatTheLogDoesNotTellEnough) {
  record("--policy suspend --set 'scheduler.detection=\"poll:1ms\"'");
  const Finished finished = replay("--policy deadline");
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("it must be told of each request"), std::string::npos);
}

TEST_F(ReplayVerb, RefusesALogThatDoesNotSayHowItsSchedulerWasMade) {
  record("--policy suspend");
  const std::string log = read_file(std::filesystem::path(out_) / "events.jsonl");
  const std::size_t first = log.find('\n') + 1;
  write_file(std::filesystem::path(out_) / "events.jsonl",
             log.substr(0, first) + log.substr(log.find('\n', first) + 1));
  const Finished finished = replay();
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("written by an earlier version; make the bundle again"),
            std::string::npos)
      << finished.err;
}

TEST_F(ReplayVerb, RefusesABundleWithABrokenRowOfRequests) {
  record("--policy suspend");
  const std::filesystem::path file = std::filesystem::path(out_) / "requests.csv";
  const std::string rows = read_file(file);
  write_file(file, rows.substr(0, rows.find('\n') + 1) + "\"suspend\",serve,one,2\n");
  const Finished finished = replay();
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("requests.csv:2: "), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace gpreempt::cli
