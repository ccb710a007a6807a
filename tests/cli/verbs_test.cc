// Goal: the promises of `run --band`, `compare`, `models` and `validate`: what they print, in the
// documented schema, and their exit codes. Each case runs the command on a small scenario.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

using nlohmann::json;
using testing::Finished;
using testing::fresh_folder;
using testing::gpreempt;
using testing::read_file;
using testing::small_scenario;
using testing::without_wall_time;
using testing::write_file;

json json_of(const std::string& arguments) {
  const Finished finished = gpreempt(arguments + " --quiet --format json");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  return json::parse(finished.out, nullptr, false);
}

class Verbs : public ::testing::Test {
 protected:
  std::filesystem::path folder_ = fresh_folder();
  std::string file_ = write_file(folder_ / "small.toml", small_scenario("5/s"));
};

TEST_F(Verbs, BandHoldsTheDrawsOfEveryPolicyAndSaysWhereItIsFrom) {
  const json summary = json_of("run " + file_ + " --policy suspend --band 4 --seed 3");
  EXPECT_EQ(summary["band"]["kind"], "priors");
  EXPECT_EQ(summary["band"]["draws"], 4);
  EXPECT_EQ(summary["band"]["seed"], 3);
  EXPECT_EQ(summary["evidence"], "guess");
  const json& band = summary["results"][0]["band"];
  for (const char* key : {"p50", "p99", "added_p99", "loss"}) {
    ASSERT_TRUE(band[key].is_array()) << key << band;
    EXPECT_LE(band[key][0], band[key][1]) << key;
  }
  // Costs differ from draw to draw, so what they add to the slowest request does.
  EXPECT_LT(band["added_p99"][0], band["added_p99"][1]);
  EXPECT_TRUE(summary["results"][0]["rank_band"].contains("p99"));
}

TEST_F(Verbs, BandIsTheSameForTheSameSeed) {
  const std::string arguments = "run " + file_ + " --policy suspend --band 3 --quiet";
  const std::string once = without_wall_time(gpreempt(arguments + " --format json").out);
  EXPECT_EQ(once, without_wall_time(gpreempt(arguments + " --format json").out));
  EXPECT_NE(once, without_wall_time(gpreempt(arguments + " --format json --seed 2").out));
}

TEST_F(Verbs, BandIsPrintedAsIntervals) {
  const Finished finished = gpreempt("run " + file_ + " --policy suspend --band 3 --quiet");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_NE(finished.out.find("Band over the priors of mi308x"), std::string::npos);
  EXPECT_NE(finished.out.find("weakest evidence guess"), std::string::npos);
}

TEST_F(Verbs, BandRunsOnSimOnly) {
  const Finished finished = gpreempt("run " + file_ + " --band 3 --backend vkfd --quiet");
  EXPECT_EQ(finished.exit_code, 2);
}

TEST_F(Verbs, BandOfOneDrawIsRefused) {
  EXPECT_EQ(gpreempt("run " + file_ + " --band 1").exit_code, 2);
  EXPECT_EQ(gpreempt("run " + file_ + " --band many").exit_code, 2);
}

TEST_F(Verbs, ComparingABundleWithTheSameRunFindsNoDifference) {
  const std::string bundle = (folder_ / "bundle").string();
  ASSERT_EQ(gpreempt("run " + file_ + " --policy suspend --quiet --out " + bundle).exit_code, 0);
  const json comparison = json_of("compare " + bundle + " " + file_ + ":policy=suspend");
  EXPECT_TRUE(comparison["notes"].empty()) << comparison["notes"];
  ASSERT_FALSE(comparison["policies"][0]["rows"].empty());
  for (const json& row : comparison["policies"][0]["rows"]) {
    EXPECT_EQ(row["a"], row["b"]) << row;
  }
}

TEST_F(Verbs, ComparingNotesAnotherModelAndSeed) {
  const Finished finished =
      gpreempt("compare " + file_ + " " + file_ + ":model=mi210,seed=9 --quiet");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_NE(finished.out.find("note: seed differs: 1 and 9"), std::string::npos) << finished.out;
  EXPECT_NE(finished.out.find("note: model differs: mi308x and mi210"), std::string::npos);
}

TEST_F(Verbs, ComparingWhatIsNotThereIsRefused) {
  EXPECT_EQ(gpreempt("compare " + folder_.string() + " " + file_).exit_code, 2);
  EXPECT_EQ(gpreempt("compare nothing.json " + file_ + " --quiet").exit_code, 2);
  EXPECT_EQ(gpreempt("compare " + file_ + ":sed=2 " + file_ + " --quiet").exit_code, 2);
  EXPECT_EQ(gpreempt("compare " + file_).exit_code, 2);
}

TEST_F(Verbs, ModelsAreListedWithWhatTheirCostsRestOn) {
  const json list = json_of("models");
  std::vector<std::string> names;
  for (const json& model : list["models"]) {
    names.push_back(model["name"]);
    EXPECT_EQ(model["evidence"], "guess") << model;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"gv100", "mi100", "mi210", "mi250x", "mi300x",
                                             "mi308x", "mi308x-cpx", "mi50"}));
}

TEST_F(Verbs, ShownModelRanksEveryPriorByItsSwing) {
  const json shown = json_of("models show mi308x");
  std::size_t priors = 0;
  for (const json& parameter : shown["parameters"]) {
    EXPECT_FALSE(parameter["source"].get<std::string>().empty());
    priors += parameter["distribution"] == "point" ? 0U : 1U;
  }
  const json& swings = shown["sensitivity"]["swings"];
  ASSERT_EQ(swings.size(), priors);
  for (std::size_t i = 1; i < swings.size(); ++i) {
    EXPECT_GE(swings[i - 1]["swing_ns"], swings[i]["swing_ns"]);
  }
  // A suspend waits for the fetch of its packets: it takes as much longer as t_hiq does.
  for (const json& swing : swings) {
    if (swing["name"] == "cost.t_hiq") {
      const auto suspend = [&](const char* end) {
        return swing[end]["suspend_ns"].get<std::int64_t>();
      };
      EXPECT_NEAR(static_cast<double>(suspend("high") - suspend("low")),
                  swing["high_value"].get<double>() - swing["low_value"].get<double>(), 2);
    }
  }
}

TEST_F(Verbs, ShownModelTellsWhatMattersWhileSaveAreasStayInVram) {
  const json shown = json_of("models show mi308x");
  const auto suspend_swing = [&](const char* table, const std::string& name) {
    for (const json& swing : shown[table]["swings"]) {
      if (swing["name"] == name) {
        return std::abs(swing["high"]["suspend_ns"].get<std::int64_t>() -
                        swing["low"]["suspend_ns"].get<std::int64_t>());
      }
    }
    return std::int64_t{-1};
  };
  // Over the bus, its bandwidth paces a save; in memory, that of memory does, or the XCCs'.
  EXPECT_GT(suspend_swing("sensitivity", "memory.system_bandwidth"), 0);
  EXPECT_EQ(suspend_swing("sensitivity", "memory.save_bandwidth"), 0);
  EXPECT_GT(suspend_swing("sensitivity_in_vram", "memory.save_bandwidth"), 0);
  EXPECT_EQ(suspend_swing("sensitivity_in_vram", "memory.system_bandwidth"), 0);
  EXPECT_EQ(suspend_swing("sensitivity_in_vram", "memory.area_moves"), -1);
}

TEST_F(Verbs, UnknownModelIsRefusedWithTheNearest) {
  const Finished finished = gpreempt("models show mi308");
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("mi308x"), std::string::npos) << finished.err;
}

TEST_F(Verbs, ValidateGivesAVerdictPerTargetAndWritesItsDocument) {
  const std::string document = (folder_ / "validation.md").string();
  const json validation = json_of("validate --only V1 --only V5 --write " + document);
  EXPECT_EQ(validation["passed"], true);
  ASSERT_EQ(validation["results"].size(), 5U);
  EXPECT_EQ(validation["results"][0]["value"], 0xBA6000);
  EXPECT_EQ(validation["results"][4]["label"], "input");
  EXPECT_NE(read_file(document).find("| V1 | v1-mi308x-area |"), std::string::npos);
}

TEST_F(Verbs, ValidatingAnUnknownTargetIsRefused) {
  const Finished finished = gpreempt("validate --only v1-mi308x-are");
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("v1-mi308x-area"), std::string::npos) << finished.err;
}

TEST_F(Verbs, EveryVerbExplainsItselfAndKnowsItsVersion) {
  for (const char* verb : {"compare", "models", "models show", "validate"}) {
    const Finished help = gpreempt(std::string(verb) + " --help");
    EXPECT_EQ(help.exit_code, 0) << verb;
    EXPECT_NE(help.out.find("Exit codes:"), std::string::npos) << verb;
    EXPECT_EQ(gpreempt(std::string(verb) + " --version").out.rfind("gpreempt ", 0), 0U) << verb;
  }
}

TEST_F(Verbs, SlipsAreAnsweredWithTheNearestName) {
  EXPECT_NE(gpreempt("model").err.find("'models'"), std::string::npos);
  EXPECT_NE(gpreempt("compare --fromat json a b").err.find("'--format'"), std::string::npos);
  EXPECT_NE(gpreempt("models show mi50 --quite").err.find("'--quiet'"), std::string::npos);
}

}  // namespace
}  // namespace gpreempt::cli
