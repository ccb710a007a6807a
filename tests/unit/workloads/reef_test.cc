#include "workloads/reef.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/unit/workloads/temporary_folder.h"
#include "workloads/work.h"

namespace gpreempt {
namespace {

using std::chrono::microseconds;
using testing::HasSubstr;
using testing::StartsWith;

constexpr KernelShape kReefShape{.waves = 4, .vgprs = 48};

constexpr std::string_view kProfile = R"({"model_latency":170,"kernel_latency":{
"conv":{"total_latency":60, "latency":[58,70,78]},
"add":{"total_latency":16, "latency":[14,14]}}})";

constexpr std::string_view kSchedule = R"({"storage": [], "args": [0], "kernels": [
{"name": "add", "launch_params": [48,1,1, 256,1,1], "args": [2,0]},
{"name": "conv", "launch_params": [8,2,2, 1,16,16], "args": [2,3]},
{"name": "add", "launch_params": [1,1,1, 5,20,1], "args": [2,0]},
{"name": "conv", "launch_params": [8,2,2, 1,16,16], "args": [2,3]}],
"shared_memory": {"conv": 4100}})";

Result<KernelTrain> parse_reef(std::string_view profile, std::string_view schedule,
                               bool normalise = true, double time_scale = 1) {
  return parse_reef_profile({.profile = profile,
                             .profile_name = "m.profile.json",
                             .schedule = schedule,
                             .schedule_name = "m.json"},
                            normalise, time_scale, kReefShape);
}

TEST(ReefProfile, WithAScheduleIsItsLaunchesInOrder) {
  const auto train = parse_reef(kProfile, kSchedule, false);
  ASSERT_TRUE(train) << train.error().what;
  ASSERT_EQ(train->size(), 4U);
  EXPECT_EQ(train->at(0).duration, microseconds(16));
  EXPECT_EQ(train->at(0).shape.workgroups, 48U);
  EXPECT_EQ(train->at(0).shape.waves, 4U);
  EXPECT_EQ(train->at(0).shape.lds_bytes, 0U);
  EXPECT_EQ(train->at(0).shape.vgprs, 48U);
  EXPECT_EQ(train->at(1).duration, microseconds(60));
  EXPECT_EQ(train->at(1).shape.workgroups, 32U);
  EXPECT_EQ(train->at(1).shape.lds_bytes, 4100U);
  EXPECT_EQ(train->at(2).shape.waves, 2U);  // 100 threads
}

TEST(ReefProfile, NormalisedTakesTheModelsLatency) {
  // The launches sum to 2 x (16 + 60) = 152 us; the model takes 170.
  const auto train = parse_reef(kProfile, kSchedule);
  EXPECT_EQ(train->at(0).duration, Duration(17'895));  // 16 x 170 / 152 us
  EXPECT_NEAR(static_cast<double>(to_ns(alone_time(*train))), 170e3, 2);
}

TEST(ReefProfile, WithoutAScheduleRepeatsItsKernelsToTheModelsLatency) {
  const auto train = parse_reef(kProfile, "");
  ASSERT_TRUE(train) << train.error().what;
  // 60 + 16 us fit 2.2 times into 170: twice, conv and add in turn.
  ASSERT_EQ(train->size(), 4U);
  EXPECT_EQ(train->at(0).duration, train->at(2).duration);
  EXPECT_EQ(train->at(0).shape.workgroups, 32U);
  EXPECT_EQ(train->at(0).shape.waves, 4U);
  EXPECT_NEAR(static_cast<double>(to_ns(alone_time(*train))), 170e3, 2);
}

TEST(ReefProfile, NotNormalisedRunsEachKernelOnceAsProfiled) {
  const auto train = parse_reef(kProfile, "", false);
  EXPECT_EQ(alone_time(*train), microseconds(76));
}

TEST(ReefProfile, ScalesTime) {
  EXPECT_NEAR(static_cast<double>(to_ns(alone_time(*parse_reef(kProfile, kSchedule, true, 0.5)))),
              85e3, 2);
}

std::string with(std::string_view text, std::string_view from, std::string_view to) {
  std::string changed(text);
  const std::size_t at = changed.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return changed.replace(at, from.size(), to);
}

TEST(ReefProfile, RefusesABadProfileWithItsPlace) {
  const std::vector<std::vector<std::string_view>> cases{
      {"\"total_latency\":60", "\"total_latency\":0", "'/kernel_latency/conv/total_latency': 0 is"},
      {"\"total_latency\":60", "\"total\":60", "'/kernel_latency/conv/total_latency': missing"},
      {"[58,70,78]", "[58,\"x\"]", "element 1 must be a number"},
      {"\"latency\":[14,14]", "\"latency\":[14], \"more\":1",
       "'/kernel_latency/add/more': unknown"},
      {"\"model_latency\":170", "\"model_latency\":\"170\"", "a number is needed"},
      {"\"model_latency\":170,", "", "'/model_latency': missing"},
      {"\"add\"", "\"conv\"", "'conv' is named twice"},
      {"{\"total_latency\":60, \"latency\":[58,70,78]}", "60", "an object is needed"},
      {"[58,70,78]},", "[58,70,78]};", "m.profile.json:2:50: this is no JSON; syntax error"},
  };
  for (const auto& bad : cases) {
    const auto train = parse_reef(with(kProfile, bad[0], bad[1]), "");
    ASSERT_FALSE(train) << bad[1];
    EXPECT_EQ(train.error().code, Errc::kParse);
    EXPECT_THAT(train.error().what, StartsWith("m.profile.json:")) << bad[1];
    EXPECT_THAT(train.error().what, HasSubstr(std::string(bad[2])));
  }
  EXPECT_THAT(parse_reef("[]", "").error().what, HasSubstr("an object"));
  EXPECT_THAT(parse_reef(R"({"model_latency":1,"kernel_latency":{}})", "").error().what,
              HasSubstr("no kernels"));
}

TEST(ReefProfile, RefusesABadScheduleWithItsPlace) {
  const std::vector<std::vector<std::string_view>> cases{
      {"\"name\": \"conv\"", "\"name\": \"pool\"",
       "m.json: '/kernels/1/name': 'pool' is not in the profile m.profile.json"},
      {"[48,1,1, 256,1,1]", "[48,1,1]", "'/kernels/0/launch_params': 6 numbers"},
      {"[48,1,1, 256,1,1]", "[48,1,1, 256,8,1]", "2048 threads"},
      {"[48,1,1, 256,1,1]", "[0,1,1, 256,1,1]", "element 0 must be a number"},
      {"\"shared_memory\"", "\"shared\"", "'/shared_memory': missing"},
  };
  for (const auto& bad : cases) {
    const auto train = parse_reef(kProfile, with(kSchedule, bad[0], bad[1]));
    ASSERT_FALSE(train) << bad[1];
    EXPECT_THAT(train.error().what, HasSubstr(std::string(bad[2])));
  }
}

TEST(ReefProfile, OfTheRecordedModelsTakesTheirLatency) {
  const std::filesystem::path folder = recorded_inputs() / "workloads" / "reef" / "profiles";
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << "workloads/reef/profiles is not in GPREEMPT_DATA_DIR; fetch it from "
                    "SJTU-IPADS/reef";
  }
  // Model latencies in ms as published with the profiles.
  const std::vector<std::pair<std::string, double>> models{{"bert", 5.43},      {"densenet", 3.74},
                                                           {"inception", 8.27}, {"resnet152", 13.2},
                                                           {"resnet18", 2.19},  {"vgg", 4.82}};
  for (const auto& [name, latency_ms] : models) {
    const auto text = read_text_file(folder / (name + ".profile.json"));
    ASSERT_TRUE(text) << name;
    const auto train = parse_reef(*text, "");
    ASSERT_TRUE(train) << train.error().what;
    EXPECT_NEAR(static_cast<double>(to_ns(alone_time(*train))) / 1e6, latency_ms, 0.05) << name;
  }
}

}  // namespace
}  // namespace gpreempt
