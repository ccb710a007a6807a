// Goal: `experiment` as a user runs it.
#include "experiments/experiment.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

using testing::Finished;
using testing::fresh_folder;
using testing::gpreempt;

TEST(ExperimentVerb, ListsEveryExperimentAndSoDoesItsHelp) {
  const Finished list = gpreempt("experiment list");
  const Finished help = gpreempt("experiment --help");
  const Finished listed = gpreempt("experiment list --format json");
  ASSERT_EQ(list.exit_code, 0) << list.err;
  EXPECT_EQ(nlohmann::json::parse(listed.out)["experiments"].size(),
            experiments::experiments().size());
  for (const experiments::Experiment& each : experiments::experiments()) {
    EXPECT_NE(list.out.find(each.question), std::string::npos) << each.name;
    EXPECT_NE(help.out.find(each.question), std::string::npos) << each.name;
  }
}

TEST(ExperimentVerb, ListSaysWhichNeedTheWholeHive) {
  const auto listed = nlohmann::json::parse(gpreempt("experiment list --format json").out);
  for (const auto& each : listed["experiments"]) {
    // Design section 11: what can oversubscribe is not for a shared box.
    EXPECT_EQ(each["tag"], each["name"] == "oversubscription" ? "exclusive-hive" : "shared-safe");
  }
  const std::string text = gpreempt("experiment list").out;
  EXPECT_NE(text.find("exclusive-hive; needs the number of slots"), std::string::npos) << text;
  EXPECT_NE(text.find("shared-safe; needs polling of rings"), std::string::npos) << text;
}

TEST(ExperimentVerb, WrittenDumpsAreJudgedAgainAndAnOlderRunsAreReplaced) {
  const std::filesystem::path out = fresh_folder() / "results";
  testing::write_file(out / "verdicts.json", "{}");
  testing::write_file(out / "queue-ids" / "model_z_run_1" / "mqd_during.txt", "");
  const Finished ran = gpreempt(
      "experiment queue-ids lifecycle --quick --quiet --backend vkfd --format json --out " +
      out.string());
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto strategy = [](const Finished& finished) {
    const auto document = nlohmann::json::parse(finished.out);
    for (const auto& result : document["results"]) {
      if (result["name"] == "queue-ids/strategy") {
        return result["value"];
      }
    }
    return nlohmann::json();
  };
  const Finished again =
      gpreempt("experiment queue-ids --format json --mqds-dir " + (out / "queue-ids").string());
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(nlohmann::json::parse(again.out)["backend"], "files");
  EXPECT_EQ(strategy(again), strategy(ran));
  const Finished life = gpreempt("experiment lifecycle --mqds-dir " + (out / "lifecycle").string());
  EXPECT_EQ(life.exit_code, 0) << life.err;
  EXPECT_NE(life.out.find("lifecycle/timeline: 0, 5, 0"), std::string::npos) << life.out;
}

TEST(ExperimentVerb, WritesTheVerdictsThatItPrintsAsJson) {
  const std::filesystem::path out = fresh_folder() / "results";
  const Finished finished = gpreempt(
      "experiment doorbell queue-ids --quick --quiet --backend vkfd "
      "--format json --out " +
      out.string());
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(testing::read_file(out / "verdicts.json"), finished.out);
  const auto document = nlohmann::json::parse(finished.out);
  EXPECT_EQ(document["schema"], 1);
  EXPECT_EQ(document["command"], "experiment");
  EXPECT_EQ(document["provenance"]["profile"], "quick");
  EXPECT_EQ(document["provenance"]["seed"], 1);
  EXPECT_EQ(document["provenance"]["machine"]["gfx"], "gfx942");
  EXPECT_TRUE(document["provenance"]["gates"].is_null());
  EXPECT_EQ(document["backend"], "vkfd");
  EXPECT_EQ(document["evidence"], "simulated");
  EXPECT_EQ(document["results"].front()["name"], "doorbell/submits-while-unmapped");
  EXPECT_EQ(document["results"].back()["value"], "discover by pid");
}

TEST(ExperimentVerb, SaysWhyThereIsNoAnswer) {
  const Finished finished = gpreempt("experiment queue-ids --backend kfd --quiet");
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_TRUE(finished.out.starts_with("backend kfd, evidence none\nunavailable ")) << finished.out;
}

TEST(ExperimentVerb, DryRunSaysWhatItWouldDoAndDoesNothing) {
  const Finished finished = gpreempt("experiment doorbell oversubscription --dry-run");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.out,
            "would run                    tag\n"
            "doorbell             shared-safe\n"
            "oversubscription  exclusive-hive  skipped without --exclusive-hive\n"
            "controls\n"
            "  nothing real: sim is a model\n");
  const Finished plan = gpreempt("validate-hardware --only T-1 --only T-7 --dry-run");
  EXPECT_EQ(plan.exit_code, 0) << plan.err;
  EXPECT_NE(plan.out.find("T-7        exclusive-hive  skipped without"), std::string::npos)
      << plan.out;
  const Finished exclusive =
      gpreempt("validate-hardware --only T-7 --dry-run --exclusive-hive --backend vkfd");
  EXPECT_EQ(exclusive.out.find("skipped"), std::string::npos) << exclusive.out;
}

TEST(ExperimentVerb, WhatTakesAllThatAGpuCanDoIsSkippedOnSharedHardware) {
  const Finished finished = gpreempt("experiment oversubscription --backend kfd --quiet");
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_NE(finished.out.find("--exclusive-hive"), std::string::npos) << finished.out;
  const Finished dry = gpreempt("experiment oversubscription --backend kfd --dry-run");
  EXPECT_EQ(dry.exit_code, 3) << "there is a GPU here: " << dry.out;
}

TEST(ExperimentVerb, RefusesWhatMakesNoSense) {
  EXPECT_EQ(gpreempt("experiment").exit_code, 2);
  EXPECT_EQ(gpreempt("experiment queue-id").exit_code, 2);
  EXPECT_EQ(gpreempt("experiment queue-ids --backend sim:none").exit_code, 2);
  EXPECT_EQ(gpreempt("experiment doorbell --mqds-dir .").exit_code, 2);
  EXPECT_EQ(gpreempt("experiment queue-ids --mqds-dir does-not-exist").exit_code, 2);
  EXPECT_EQ(gpreempt("experiment lifecycle --mqds-dir does-not-exist").exit_code, 2);
  const Finished two = gpreempt("experiment queue-ids lifecycle --mqds-dir .");
  EXPECT_EQ(two.exit_code, 2);
  EXPECT_NE(two.err.find("2 experiments are named"), std::string::npos) << two.err;
}

TEST(ExperimentVerb, RefusesAFolderOfSomebodyElse) {
  const std::filesystem::path folder = fresh_folder();
  testing::write_file(folder / "thesis.txt", "years of work");
  const Finished finished =
      gpreempt("experiment doorbell --quick --quiet --out " + folder.string());
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("no verdicts.json"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace gpreempt::cli
