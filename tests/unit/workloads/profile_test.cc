#include "workloads/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
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
#include "workloads/loader.h"

namespace gpreempt {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kHeader = "Name,Profile,Memory_footprint,SM_usage,Duration\n";
constexpr KernelShape kShape{.waves = 4, .vgprs = 64, .lds_bytes = 1024};

Result<KernelTrain> parse(std::string_view lines, double time_scale = 1) {
  return parse_orion_profile(std::string(kHeader) + std::string(lines), "p.csv", time_scale,
                             kShape);
}

TEST(OrionProfile, GivesKernelsInOrderWithTheShapeAsked) {
  const auto train = parse("conv,1,0,98,100480\nnorm,0,0,64,40480\r\nrelu,0,0,1,2400");
  ASSERT_TRUE(train) << train.error().what;
  ASSERT_EQ(train->size(), 3U);
  EXPECT_EQ(train->at(0).duration, Duration(100'480));
  EXPECT_EQ(train->at(0).shape.workgroups, 196U);
  EXPECT_EQ(train->at(0).shape.waves, 4U);
  EXPECT_EQ(train->at(0).shape.lds_bytes, 1024U);
  EXPECT_EQ(train->at(2).duration, Duration(2400));
  EXPECT_EQ(train->at(2).shape.workgroups, 2U);
}

TEST(OrionProfile, CutsWorkgroupsAtTheMost) {
  EXPECT_EQ(parse("conv,1,0,12544,1000\n")->at(0).shape.workgroups, 1280U);
}

TEST(OrionProfile, ReadsNamesWithCommasQuotedOrNot) {
  const auto train = parse(
      "\"void bn<float, (int)512>(float, \"\"x\"\")\",0,0,171,21887\n"
      "void bn<float, (int)512>(float, bool),0,0,683,71712\n"
      "\"plain\",-1,0,1,3000\n");
  ASSERT_TRUE(train) << train.error().what;
  ASSERT_EQ(train->size(), 3U);
  EXPECT_EQ(train->at(0).duration, Duration(21'887));
  EXPECT_EQ(train->at(0).shape.workgroups, 342U);
  EXPECT_EQ(train->at(1).duration, Duration(71'712));
}

TEST(OrionProfile, JoinsEqualNeighbours) {
  const auto train = parse("a,0,0,1,100\nb,0,0,1,100\nc,0,0,2,100\n");
  ASSERT_EQ(train->size(), 2U);
  EXPECT_EQ(train->at(0).count, 2U);
  EXPECT_EQ(train->at(1).count, 1U);
}

TEST(OrionProfile, ScalesDurations) {
  EXPECT_EQ(parse("a,0,0,1,1001\n", 0.5)->at(0).duration, Duration(501));
  EXPECT_EQ(parse("a,0,0,1,1\n", 0.1)->at(0).duration, Duration(1));
}

TEST(OrionProfile, RefusesBadLinesWithTheirNumber) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"conv,1,0,98", "truncated"},         {"", "truncated"},
      {"\"conv,1,0,98,1000", "not closed"}, {"\"conv\",1,0,98,1000,7", "more than 5"},
      {"conv,1,0,98,", "malformed"},        {"conv,1,0,many,1000", "malformed"},
      {"conv,1,0,98,1000x", "malformed"},   {"conv,1,0,98,nan", "malformed"},
      {"conv,1,0,0,1000", "SM_usage is 0"}, {"conv,1,0,98,0", "Duration is 0"},
      {"conv,1,0,98,-5", "Duration is -5"}, {"conv,1,0,98,1e30", "Duration is 1e+30"},
  };
  for (const auto& [line, reason] : cases) {
    const auto train = parse("ok,0,0,1,100\n" + line + "\n");
    ASSERT_FALSE(train) << line;
    EXPECT_EQ(train.error().code, Errc::kParse);
    EXPECT_THAT(train.error().what, StartsWith("p.csv:3: ")) << line;
    EXPECT_THAT(train.error().what, HasSubstr(reason)) << line;
  }
}

TEST(OrionProfile, RefusesAFileWithoutHeaderOrKernels) {
  EXPECT_THAT(parse_orion_profile("a,b\n", "p.csv", 1, kShape).error().what,
              StartsWith("p.csv:1: the header is 'a,b'"));
  EXPECT_THAT(parse("").error().what, HasSubstr("no kernels"));
  EXPECT_THAT(parse_orion_profile("", "p.csv", 1, kShape).error().what, HasSubstr("no kernels"));
}

/// Durations of a train in ascending order.
std::vector<double> sorted_us(const KernelTrain& train) {
  std::vector<double> durations;
  for (const KernelRun& run : train) {
    durations.insert(durations.end(), run.count, static_cast<double>(to_ns(run.duration)) / 1000);
  }
  std::ranges::sort(durations);
  return durations;
}

double nearest_rank(const std::vector<double>& sorted, double q) {
  return sorted.at(static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size()))) - 1);
}

double sum_above(const std::vector<double>& values, double limit) {
  double sum = 0;
  for (const double value : values) {
    sum += value > limit ? value : 0;
  }
  return sum;
}

// The published statistics of the recorded step that the synthetic one stands for: to the digits
// they are given in.
TEST(OrionProfile, OfResnetTrainingHasThePublishedStatistics) {
  const EmbeddedFile* file = find_embedded("resnet50-train.csv");
  ASSERT_NE(file, nullptr);
  const auto train = parse_orion_profile(file->text, "resnet50-train.csv", 1, kShape);
  ASSERT_TRUE(train) << train.error().what;
  const std::vector<double> sorted = sorted_us(*train);
  const double total = sum_above(sorted, 0);
  EXPECT_EQ(sorted.size(), 949U);
  EXPECT_NEAR(total / 1000, 95.6, 0.05);
  EXPECT_NEAR(nearest_rank(sorted, 0.10), 2.9, 0.05);
  EXPECT_NEAR(nearest_rank(sorted, 0.50), 6.0, 0.05);
  EXPECT_NEAR(nearest_rank(sorted, 0.90), 357, 0.5);
  EXPECT_NEAR(nearest_rank(sorted, 0.99), 819, 0.5);
  EXPECT_NEAR(sorted.back(), 1871, 0.5);
  EXPECT_NEAR(sum_above(sorted, 100) / total, 0.88, 0.005);
  EXPECT_NEAR(sum_above(sorted, 500) / total, 0.34, 0.005);
}

/// Published statistics of a recorded profile.
struct Recorded {
  std::string file;
  std::size_t kernels = 0;
  double total_ms = 0;
  double median_us = 0;
  double max_us = 0;
};

TEST(OrionProfile, OfRecordedModelsIsReadInFull) {
  const std::filesystem::path folder = recorded_inputs() / "workloads" / "orion";
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << "workloads/orion is not in GPREEMPT_DATA_DIR; fetch it from eth-easl/orion";
  }
  // 53 names of the training step hold commas without quotes.
  const std::vector<Recorded> all{
      {.file = "resnet50_4_fwd_new",
       .kernels = 175,
       .total_ms = 6.5,
       .median_us = 12.5,
       .max_us = 380},
      {.file = "bert_2_fwd_new", .kernels = 572, .total_ms = 48.6, .median_us = 34, .max_us = 517},
      {.file = "resnet50_32_fb1_new",
       .kernels = 949,
       .total_ms = 95.6,
       .median_us = 6.0,
       .max_us = 1871}};
  for (const Recorded& recorded : all) {
    const auto text = read_text_file(folder / recorded.file);
    ASSERT_TRUE(text) << text.error().what;
    const auto train = parse_orion_profile(*text, recorded.file, 1, kShape);
    ASSERT_TRUE(train) << train.error().what;
    const std::vector<double> sorted = sorted_us(*train);
    EXPECT_EQ(sorted.size(), recorded.kernels) << recorded.file;
    EXPECT_NEAR(sum_above(sorted, 0) / 1000, recorded.total_ms, 0.05) << recorded.file;
    EXPECT_NEAR(nearest_rank(sorted, 0.50), recorded.median_us, 0.5) << recorded.file;
    EXPECT_NEAR(sorted.back(), recorded.max_us, 0.5) << recorded.file;
  }
}

}  // namespace
}  // namespace gpreempt
