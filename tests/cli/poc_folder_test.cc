// Goal: a report of the proof of concept finds the results in a folder and in those in it, and
// refuses what holds none.
// Method: folders written by the test, with files as the other commands write them.
#include "cli/poc_folder.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

namespace fs = std::filesystem;

class PocFolderTest : public ::testing::Test {
 protected:
  PocFolderTest()
      : folder_(fs::path(::testing::TempDir()) /
                ("poc_" +
                 std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~PocFolderTest() override { fs::remove_all(folder_); }

  void put(const fs::path& file, const std::string& text) const {
    fs::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << text;
  }
  [[nodiscard]] const fs::path& folder() const { return folder_; }

 private:
  fs::path folder_;
};

std::string document_with(const std::string& name) {
  return experiments::verdicts_document("experiment", {.backend = "vkfd", .driver = name},
                                        {experiments::unavailable(name, "a reason")});
}

TEST_F(PocFolderTest, FindsVerdictsHereAndOneFolderBelowAndNamesThem) {
  put("verdicts.json", document_with("a"));
  put("hardware/verdicts.json", document_with("b"));
  put("hardware/deeper/verdicts.json", document_with("c"));
  const auto evidence = read_poc_folder(folder());
  ASSERT_TRUE(evidence) << evidence.error().what;
  ASSERT_EQ(evidence->verdicts.size(), 2U);
  EXPECT_EQ(evidence->verdicts.at(0).source, "verdicts.json");
  EXPECT_EQ(evidence->verdicts.at(1).source, "hardware/verdicts.json");
  EXPECT_EQ(evidence->verdicts.at(1).verdict.name, "b");
  ASSERT_EQ(evidence->provenance.size(), 2U);
  EXPECT_EQ(evidence->provenance.at(1).source, "hardware/verdicts.json");
  ASSERT_TRUE(evidence->provenance.at(1).provenance);
  EXPECT_EQ(evidence->provenance.at(1).provenance->driver, "b");
}

TEST_F(PocFolderTest, TakesTheLatenciesOfARunsCompletedRequests) {
  put("run/summary.json",
      R"({"schema":1,"scenario":"s","backend":"sim","statement":"simulated","results":[
          {"policy":"suspend","online":{"requests":2,"latency_ns":{"p50":5,"p99":5,"max":5}}}]})");
  put("run/run.json", "{}");
  put("run/requests.csv",
      "policy,tenant,request,arrival_ns,first_wave_ns,end_ns\n"
      "suspend,online,0,100,101,105\n"
      "suspend,online,1,200,,\n");
  const auto evidence = read_poc_folder(folder());
  ASSERT_TRUE(evidence) << evidence.error().what;
  ASSERT_EQ(evidence->runs.size(), 1U);
  EXPECT_EQ(evidence->runs.front().source, "run/summary.json");
  ASSERT_EQ(evidence->latencies.size(), 1U);
  EXPECT_EQ(evidence->latencies.front().ns, std::vector<std::int64_t>{5});
}

TEST_F(PocFolderTest, AFolderWithoutResultsIsRefused) {
  const auto evidence = read_poc_folder(folder());
  ASSERT_FALSE(evidence);
  EXPECT_EQ(evidence.error().code, Errc::kInvalidArgument);
  EXPECT_NE(evidence.error().what.find("gpreempt experiment all --out"), std::string::npos);
  EXPECT_EQ(read_poc_folder(folder() / "absent").error().code, Errc::kInvalidArgument);
}

TEST_F(PocFolderTest, AFileThatIsBrokenIsNamed) {
  put("one/verdicts.json", "{");
  const auto evidence = read_poc_folder(folder());
  ASSERT_FALSE(evidence);
  EXPECT_EQ(evidence.error().code, Errc::kParse);
  EXPECT_NE(evidence.error().what.find((folder() / "one/verdicts.json").string()),
            std::string::npos)
      << evidence.error().what;
}

TEST_F(PocFolderTest, ABrokenProvenanceIsRefusedWithTheFilesPath) {
  put("verdicts.json", R"({"schema":1,"provenance":{"seed":"one"},"results":[]})");
  const auto evidence = read_poc_folder(folder());
  ASSERT_FALSE(evidence);
  EXPECT_EQ(evidence.error().code, Errc::kParse);
  EXPECT_NE(evidence.error().what.find((folder() / "verdicts.json").string()), std::string::npos);
  EXPECT_NE(evidence.error().what.find("\"seed\""), std::string::npos) << evidence.error().what;
}

TEST_F(PocFolderTest, ABrokenSummaryIsRefusedWithTheFilesPath) {
  put("run/summary.json", R"({"schema":1,"statement":"believed","results":[]})");
  put("run/run.json", "{}");
  put("run/requests.csv", "policy,tenant,request,arrival_ns,first_wave_ns,end_ns\n");
  const auto evidence = read_poc_folder(folder());
  ASSERT_FALSE(evidence);
  EXPECT_NE(evidence.error().what.find((folder() / "run/summary.json").string()), std::string::npos)
      << evidence.error().what;
}

}  // namespace
}  // namespace gpreempt::cli
