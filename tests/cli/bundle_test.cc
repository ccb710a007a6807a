// Goal: an evidence bundle is complete and replaces nothing but an earlier bundle.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

using nlohmann::json;
using testing::Finished;
using testing::fresh_folder;
using testing::gpreempt;
using testing::read_file;
using testing::small_scenario;
using testing::write_file;

class BundleFolder : public ::testing::Test {
 protected:
  Finished run(const std::string& arguments = "") {
    return gpreempt("run " + file_ + " --quiet --policy none,suspend,linger,slice --out " +
                    out_.string() + " " + arguments);
  }
  json read_json(const std::string& name) const {
    return json::parse(read_file(out_ / name), nullptr, false);
  }

  std::filesystem::path folder_ = fresh_folder();
  std::filesystem::path out_ = folder_ / "deep" / "out";
  std::string file_ = write_file(folder_ / "small.toml", small_scenario("5/s"));
};

TEST_F(BundleFolder, HoldsWhatWentInAndWhatCameOut) {
  const Finished finished = run("--seed 3 --format json");
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(read_file(out_ / "scenario.toml"), small_scenario("5/s"));
  EXPECT_NE(read_file(out_ / "model.toml").find("[cost]"), std::string::npos);
  EXPECT_EQ(read_file(out_ / "summary.json"), finished.out);
  const json run = read_json("run.json");
  EXPECT_EQ(run["tool"], "gpreempt");
  EXPECT_EQ(run["seed"], 3);
  EXPECT_EQ(run["overrides"]["seed"], 3);
  EXPECT_EQ(run["policies"], json::array({"none", "suspend", "linger", "slice"}));
  EXPECT_EQ(run["command"][0], "run");
}

TEST_F(BundleFolder, EventsAreJsonLinesWithAHeaderPerPolicy) {
  ASSERT_EQ(run().exit_code, 0);
  std::istringstream lines(read_file(out_ / "events.jsonl"));
  int headers = 0;
  int decisions = 0;
  for (std::string line; std::getline(lines, line);) {
    const json event = json::parse(line, nullptr, false);
    ASSERT_TRUE(event.is_object()) << line;
    headers += event["kind"] == "header" ? 1 : 0;
    decisions += event["kind"] == "decision" ? 1 : 0;
  }
  EXPECT_EQ(headers, 4);
  EXPECT_GE(decisions, 20);  // suspend: one to suspend and one to run per request
}

TEST_F(BundleFolder, RequestsHaveARowPerRunAndRequest) {
  ASSERT_EQ(run().exit_code, 0);
  const std::string csv = read_file(out_ / "requests.csv");
  EXPECT_EQ(csv.rfind("policy,tenant,request,arrival_ns,first_wave_ns,end_ns,", 0), 0U);
  // A header, and 10 requests in Online alone and under each of the four policies.
  EXPECT_EQ(std::ranges::count(csv, '\n'), 51);
}

TEST_F(BundleFolder, ReplacesAnEarlierBundle) {
  ASSERT_EQ(run("--seed 1").exit_code, 0);
  ASSERT_EQ(run("--seed 2").exit_code, 0);
  EXPECT_EQ(read_json("summary.json")["seed"], 2);
}

}  // namespace
}  // namespace gpreempt::cli
