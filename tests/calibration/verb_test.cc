// Goal: `calibrate` as a user runs it: what it writes, in which order, and what it refuses.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "calibration/sha256.h"
#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

using testing::Finished;
using testing::fresh_folder;
using testing::gpreempt;
using testing::read_file;
using testing::write_file;

/// A bundle of a machine that does what no model knows of.
std::filesystem::path make_bundle(const std::filesystem::path& folder) {
  const Finished finished = gpreempt(
      "experiment suspend-costs --quick --quiet --seed 4 --backend "
      "vkfd:noise=3us,unmodelled=80us,jitter=50ns,drift=0.01%,missing=20% --out " +
      folder.string());
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  return folder;
}

TEST(CalibrateVerb, FitsForetellsAndWritesAModelThatRunReads) {
  const std::filesystem::path folder = fresh_folder();
  const std::string bundle = make_bundle(folder / "bundle").string();
  const std::filesystem::path out = folder / "out";
  const Finished finished =
      gpreempt("calibrate " + bundle + " --format json --out " + out.string());
  ASSERT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  const auto document = nlohmann::json::parse(finished.out);
  EXPECT_EQ(document["evidence"], "simulated");
  EXPECT_EQ(document["predictions_sha256"],
            calibration::sha256(read_file(out / "predictions.json")));
  EXPECT_GE(document["costs"].size(), 8U);
  EXPECT_GT(document["held_out"]["calls"], 500);
  EXPECT_FALSE(document["lack_of_fit"]["wrong_model"].get<bool>());
  EXPECT_EQ(read_file(out / "calibration.json"), finished.out);
  const std::string model = read_file(out / "mi308x.toml");
  EXPECT_NE(model.find("evidence = \"simulated\""), std::string::npos);
  EXPECT_EQ(model.find("evidence = \"measured\""), std::string::npos);
  const Finished shown = gpreempt("experiment doorbell --quiet --quick --backend sim:" +
                                  (out / "mi308x.toml").string());
  EXPECT_EQ(shown.exit_code, 0) << shown.err;

  // The hash of what was foretold cannot depend on what is held out.
  std::filesystem::remove(std::filesystem::path(bundle) / "held-out.csv");
  const Finished blind = gpreempt("calibrate " + bundle + " --format json");
  const auto alone = nlohmann::json::parse(blind.out);
  EXPECT_EQ(alone["predictions_sha256"], document["predictions_sha256"]);
  EXPECT_TRUE(alone["held_out"].is_null());
}

TEST(CalibrateVerb, CallsAWrongModelWrongWithExitCodeOne) {
  const std::filesystem::path bundle = fresh_folder() / "bundle";
  const Finished made = gpreempt(
      "experiment suspend-costs --quick --quiet --backend vkfd:noise=1us,jitter=50ns,bend=200ns "
      "--out " +
      bundle.string());
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const Finished finished = gpreempt("calibrate " + bundle.string());
  EXPECT_EQ(finished.exit_code, 1) << finished.out;
  EXPECT_NE(finished.out.find("THE MODEL IS WRONG"), std::string::npos) << finished.out;
}

TEST(CalibrateVerb, RefusesFoldersThatAreNoBundle) {
  const std::filesystem::path folder = fresh_folder();
  const Finished absent = gpreempt("calibrate " + (folder / "nothing").string());
  EXPECT_EQ(absent.exit_code, 2);
  EXPECT_NE(absent.err.find("there is no such folder; make one with"), std::string::npos)
      << absent.err;
  EXPECT_EQ(gpreempt("calibrate " + folder.string()).exit_code, 2);
  write_file(folder / "samples.csv", "place\n");
  EXPECT_NE(gpreempt("calibrate " + folder.string()).err.find("no verdicts.json"),
            std::string::npos);
  write_file(folder / "verdicts.json", R"({"evidence":"assumed","backend":"files"})");
  EXPECT_EQ(gpreempt("calibrate " + folder.string()).exit_code, 2);
  write_file(folder / "verdicts.json", R"({"evidence":"measured","backend":"kfd"})");
  const Finished columns = gpreempt("calibrate " + folder.string());
  EXPECT_EQ(columns.exit_code, 2);
  EXPECT_NE(columns.err.find("no column"), std::string::npos) << columns.err;
}

TEST(CalibrateVerb, RefusesWhatMakesNoSense) {
  EXPECT_EQ(gpreempt("calibrate").exit_code, 2);
  EXPECT_EQ(gpreempt("calibrate somewhere --campaign 3").exit_code, 2);
  EXPECT_EQ(gpreempt("calibrate --campaign many").exit_code, 2);
  EXPECT_EQ(gpreempt("calibrate --campaign 3 --backend kfd").exit_code, 2);
  EXPECT_EQ(gpreempt("calibrate --campaign 3 --model mi9000").exit_code, 2);
  EXPECT_EQ(gpreempt("run --backend vkfd:noise=3us").exit_code, 2);
  EXPECT_EQ(gpreempt("experiment doorbell --backend vkfd:noise=much").exit_code, 2);
  EXPECT_EQ(gpreempt("experiment doorbell --backend vkfd:noize=3us").exit_code, 2);
}

}  // namespace
}  // namespace gpreempt::cli
