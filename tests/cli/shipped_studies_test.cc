#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
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
#include "study/study_file.h"

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

}  // namespace
}  // namespace gpreempt::cli
