// Goal: a bundle is read as it was written; a part that is missing or broken is named.
#include "cli/report/run_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/error.h"

namespace gpreempt::report {
namespace {

using ::testing::HasSubstr;

class RunFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    write("summary.json", "{}");
    write("run.json", "{}");
    write("requests.csv",
          "policy,tenant,request,arrival_ns,first_wave_ns,end_ns,none_ns\n"
          "\"a:x=1,y=2\",guard,3,10,,30,0\n");
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }

  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) / "gpreempt_report_run_files";
};

TEST_F(RunFolder, HoldsRequestsWithWhatNeverCame) {
  const Result<RunFiles> files = read_run_files(folder_);
  ASSERT_TRUE(files) << files.error().what;
  ASSERT_EQ(files->requests.size(), 1U);
  EXPECT_EQ(files->requests[0].policy, "a:x=1,y=2");
  EXPECT_FALSE(files->requests[0].first_wave_ns);
  EXPECT_EQ(files->requests[0].end_ns, 30);
  EXPECT_FALSE(files->timeline);
  EXPECT_FALSE(files->progress);
}

TEST_F(RunFolder, HoldsTheTimelineAndTheProgressIfThereAreAny) {
  write("timeline.csv", "policy,tenant,gpu,state,origin,from_ns,to_ns\np,t,0,saving,model,5,9\n");
  write("progress.csv", "policy,tenant,at_ns,work_ns\np,t,5,9\n");
  const Result<RunFiles> files = read_run_files(folder_);
  ASSERT_TRUE(files) << files.error().what;
  EXPECT_EQ(files->timeline->at(0).state, "saving");
  EXPECT_EQ(files->timeline->at(0).to_ns, 9);
  EXPECT_EQ(files->progress->at(0).work_ns, 9);
}

TEST_F(RunFolder, AFileThatIsMissingIsNamed) {
  std::filesystem::remove(folder_ / "requests.csv");
  const Result<RunFiles> files = read_run_files(folder_);
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code, Errc::kInvalidArgument);
  EXPECT_THAT(files.error().what, HasSubstr("it has no requests.csv"));
}

TEST_F(RunFolder, ABrokenRowIsRefusedWithItsPlace) {
  write("progress.csv", "policy,tenant,at_ns,work_ns\np,t,5,9\np,t,x,9\n");
  const Result<RunFiles> files = read_run_files(folder_);
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code, Errc::kParse);
  EXPECT_THAT(files.error().what, HasSubstr("progress.csv:3: column at_ns: 'x' is no integer"));
}

}  // namespace
}  // namespace gpreempt::report
