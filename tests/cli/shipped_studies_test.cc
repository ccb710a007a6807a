// Goal: every study in workloads/studies can be run, by its file and by its name alone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/sim/model_file.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/study_runs.h"
#include "config/document.h"
#include "config/parameter.h"
#include "core/error.h"
#include "study/plan.h"
#include "study/shipped.h"
#include "study/study_file.h"
#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> shipped_studies() {
  std::vector<std::string> files;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(fs::path(GPREEMPT_SOURCE_DIR) / "workloads" / "studies")) {
    files.push_back(entry.path().string());
  }
  std::ranges::sort(files);
  return files;
}

struct ReadStudy {
  study::Plan plan;
  StudyRuns runs;
};

Result<ReadStudy> read_study(const std::string& file, bool quick) {
  ReadStudy read;
  std::string text;
  study::StudyFile study;
  RunSetup setup;
  GPREEMPT_TRY(store(text, read_text_file(file)));
  GPREEMPT_TRY(store(study, study::parse_study(text, file, quick)));
  RunOptions base;
  base.scenario = scenario_of(file, study.scenario);
  base.set = study.quick;
  GPREEMPT_TRY(store(setup, prepare(base)));
  GPREEMPT_TRY(
      store(read.plan,
            study::make_plan(std::move(study), [&](std::string_view name) -> Result<Parameter> {
              const auto found = std::ranges::find(setup.model.parameters, name, &Parameter::name);
              return found == setup.model.parameters.end()
                         ? fail(Errc::kInvalidArgument, "no parameter " + std::string(name))
                         : Result<Parameter>(*found);
            })));
  GPREEMPT_TRY(store(read.runs, StudyRuns::prepare(read.plan, base)));
  return read;
}

class ShippedStudy : public ::testing::TestWithParam<std::string> {};

TEST_P(ShippedStudy, NamesScenarioKeysParametersAndMetricsThatExist) {
  const Result<ReadStudy> read = read_study(GetParam(), false);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_FALSE(read->plan.file.question.empty());
  EXPECT_EQ(read->plan.file.name, fs::path(GetParam()).stem().string());
  EXPECT_GE(read->plan.file.repeat.min, 2U) << "one seed has no interval";
}

TEST_P(ShippedStudy, MakesItsFirstRunInItsShortestForm) {
  Result<ReadStudy> read = read_study(GetParam(), true);
  ASSERT_TRUE(read) << read.error().what;
  const Result<std::vector<double>> values = read->runs.run(0, 1);
  ASSERT_TRUE(values) << values.error().what;
  EXPECT_TRUE(std::ranges::any_of(*values, [](double value) { return !std::isnan(value); }));
}

INSTANTIATE_TEST_SUITE_P(All, ShippedStudy, ::testing::ValuesIn(shipped_studies()),
                         [](const ::testing::TestParamInfo<std::string>& study) {
                           std::string name = fs::path(study.param).stem().string();
                           std::ranges::replace_if(
                               name, [](char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

using ::testing::HasSubstr;

TEST(BuiltInStudies, AreTheFilesOfTheFolder) {
  const std::vector<std::string> files = shipped_studies();
  ASSERT_EQ(study::embedded_studies().size(), files.size());
  for (const std::string& file : files) {
    const std::string name = fs::path(file).stem().string();
    const Result<study::StudyText> found = study::find_study(name);
    ASSERT_TRUE(found) << found.error().what;
    EXPECT_EQ(found->text, testing::read_file(file)) << name;
    EXPECT_EQ(found->display_name, name + ".toml");
  }
}

TEST(BuiltInStudies, AFileOfTheNameComesFirst) {
  const std::string file = testing::write_file(testing::fresh_folder() / "linger", "mine");
  EXPECT_EQ(study::find_study(file)->text, "mine");
}

TEST(BuiltInStudies, AreListedWithTheirQuestions) {
  const testing::Finished text = testing::gpreempt("study --list");
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("detection                 Which poll period is as good as a"));
  const testing::Finished listing = testing::gpreempt("study --list --format json");
  ASSERT_EQ(listing.exit_code, 0) << listing.err;
  const auto listed = nlohmann::json::parse(listing.out)["studies"];
  ASSERT_EQ(listed.size(), shipped_studies().size());
  EXPECT_EQ(listed[2]["name"], "detection");
  EXPECT_EQ(listed[2]["scenario"], "default");
  EXPECT_EQ(testing::gpreempt("study detection --list").exit_code, 2);
}

TEST(BuiltInStudies, AnUnknownNameIsRefusedWithTheNearestOrWithAll) {
  const testing::Finished near = testing::gpreempt("study kernel-lenght");
  EXPECT_EQ(near.exit_code, 2);
  EXPECT_THAT(near.err, HasSubstr("load study 'kernel-lenght': there is no such file or built-in "
                                  "study; did you mean 'kernel-length'?"));
  const testing::Finished far = testing::gpreempt("study nothing-of-the-kind");
  EXPECT_EQ(far.exit_code, 2);
  EXPECT_THAT(far.err, HasSubstr("valid: attach-tax, azure-conv-7b-8gpu, detection, "));
  EXPECT_THAT(testing::gpreempt("study").err, HasSubstr("gpreempt study --list"));
}

// The tests run in a folder of the build, where there are no scenarios.
TEST(BuiltInStudies, RunByTheirNameInAnyFolder) {
  const std::string out = (testing::fresh_folder() / "out").string();
  const testing::Finished finished = testing::gpreempt(
      fmt::format("study process-oversubscription --quick --quiet --out '{}'", out));
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_THAT(testing::read_file(fs::path(out) / "runs.csv"), HasSubstr(",gpreempt run default "));
  // What it left can be run again from anywhere.
  const Result<ReadStudy> again = read_study((fs::path(out) / "study.toml").string(), true);
  EXPECT_TRUE(again) << again.error().what;
}

TEST(ScenarioOfAStudy, IsTheFileBesideItOrElseABuiltInOne) {
  const fs::path folder = testing::fresh_folder();
  const std::string study = testing::write_file(folder / "study.toml", "");
  EXPECT_EQ(scenario_of(study, "default"), "default");
  const std::string file = testing::write_file(folder / "default", "");
  EXPECT_EQ(scenario_of(study, "default"), file);
}

TEST(ScenarioOfAStudy, AMissingFileIsNotReplacedByABuiltInOneOfThatName) {
  const fs::path folder = testing::fresh_folder();
  EXPECT_EQ(scenario_of((folder / "study.toml").string(), "../scenarios/default.toml"),
            (folder.parent_path() / "scenarios" / "default.toml").string());
}

}  // namespace
}  // namespace gpreempt::cli
