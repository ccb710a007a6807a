// Goal: a study file is read strictly: whatever is wrong is refused at its place, with what to do.
#include "study/study_file.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "config/override.h"
#include "core/error.h"

namespace gpreempt::study {
namespace {

constexpr std::string_view kGood = R"(schema   = 1
name     = "kernel-length"
scenario = "../scenarios/default.toml"
metrics  = ["online.latency_ns.p99", "offline.loss"]
[design]
kind = "grid"
[design.factors]
"scheduler.mechanism" = ["suspend-queues", "kernel-boundary"]
"model.cost.t_hiq"    = { prior = 5 }
[repeat]
min   = 5
max   = 40
until = { metric = "online.latency_ns.p99", half_width = "5%", confidence = 0.9 }
[quick]
"repeat.max"   = 3
"run.duration" = "2s"
"design.factors.model.cost.t_hiq" = { prior = 2 }
)";

std::string with(std::string_view from, std::string_view to) {
  std::string text(kGood);
  text.replace(text.find(from), from.size(), to);
  return text;
}

std::string refusal(const std::string& text, bool quick = false) {
  const auto study = parse_study(text, "s.toml", quick);
  return study ? "" : study.error().what;
}

TEST(StudyFile, ReadsEverythingThatIsWritten) {
  const auto study = parse_study(std::string(kGood), "s.toml", false);
  ASSERT_TRUE(study) << study.error().what;
  EXPECT_EQ(study->name, "kernel-length");
  ASSERT_EQ(study->factors.size(), 2U);
  EXPECT_EQ(study->factors[0].levels[1].label(), "kernel-boundary");
  EXPECT_EQ(study->factors[0].levels[1].where(), "s.toml:8:44");
  EXPECT_EQ(study->factors[1].quantiles, 5U);
  EXPECT_EQ(study->repeat.min, 5U);
  EXPECT_EQ(study->repeat.max, 40U);
  EXPECT_DOUBLE_EQ(study->repeat.until->half_width, 0.05);
  EXPECT_TRUE(study->repeat.until->relative);
  EXPECT_TRUE(study->quick.empty());
}

TEST(StudyFile, QuickChangesTheStudyAndTheScenario) {
  const auto study = parse_study(std::string(kGood), "s.toml", true);
  ASSERT_TRUE(study) << study.error().what;
  EXPECT_EQ(study->repeat.max, 3U);
  EXPECT_EQ(study->repeat.min, 3U);  // no more than the cap
  EXPECT_EQ(study->factors[1].quantiles, 2U);
  ASSERT_EQ(study->quick.size(), 1U);
  EXPECT_EQ(join_path(study->quick[0].path), "run.duration");
}

TEST(StudyFile, AWidthMayBeATimeOrANumber) {
  const auto time = parse_study(with("\"5%\"", "\"100us\""), "s.toml", false);
  ASSERT_TRUE(time);
  EXPECT_DOUBLE_EQ(time->repeat.until->half_width, 100'000);
  EXPECT_FALSE(time->repeat.until->relative);
  const auto number = parse_study(with("\"5%\"", "0.002"), "s.toml", false);
  ASSERT_TRUE(number);
  EXPECT_DOUBLE_EQ(number->repeat.until->half_width, 0.002);
}

TEST(StudyFile, AnUnknownKeyIsRefusedWithTheNearestName) {
  EXPECT_EQ(refusal(with("scenario =", "scenarios =")),
            "s.toml:3:1: key 'scenarios': unknown; did you mean 'scenario'?");
  EXPECT_EQ(refusal(with("min   = 5", "mim = 5")),
            "s.toml:11:1: key 'repeat.mim': unknown; did you mean 'min'?");
}

TEST(StudyFile, AnUnknownKindIsRefused) {
  EXPECT_EQ(refusal(with("\"grid\"", "\"gird\"")),
            "s.toml:6:8: key 'design.kind': unknown value 'gird'; did you mean 'grid'?");
}

TEST(StudyFile, AMetricOfUntilIsOneOfTheStudys) {
  const std::string what = refusal(with("until = { metric = \"online.latency_ns.p99\"",
                                        "until = { metric = \"online.latency_ns.p98\""));
  EXPECT_TRUE(what.starts_with("s.toml:13:")) << what;
  EXPECT_NE(what.find("did you mean 'online.latency_ns.p99'?"), std::string::npos) << what;
}

TEST(StudyFile, SeedsAreNoFactor) {
  const std::string what = refusal(with("\"scheduler.mechanism\"", "\"run.seed\""));
  EXPECT_NE(what.find("seeds are what repeats differ in"), std::string::npos) << what;
}

TEST(StudyFile, OnlyModelParametersHaveAPrior) {
  const std::string what = refusal(with("\"model.cost.t_hiq\" ", "\"scheduler.lease\" "));
  EXPECT_NE(what.find("only parameters of the model"), std::string::npos) << what;
}

TEST(StudyFile, AFactorWithoutLevelsIsRefused) {
  const std::string what = refusal(with("[\"suspend-queues\", \"kernel-boundary\"]", "[]"));
  EXPECT_EQ(what,
            "s.toml:8:25: key 'design.factors.scheduler.mechanism': empty; it needs at least one "
            "value");
}

TEST(StudyFile, ABadValueOfQuickIsBlamedOnItsLine) {
  const std::string what = refusal(with("\"repeat.max\"   = 3", "\"repeat.max\"   = 0"), true);
  EXPECT_TRUE(what.starts_with("s.toml:15:18: key 'repeat.max':")) << what;
}

TEST(StudyFile, PointsOfAListNameTheSameKeys) {
  const std::string text =
      "schema = 1\nname = \"s\"\nscenario = \"default\"\nmetrics = [\"offline.loss\"]\n"
      "[design]\nkind = \"list\"\npoints = [ { a = 1 },\n { b = 1 } ]\n";
  EXPECT_TRUE(refusal(text).starts_with("s.toml:8:2:")) << refusal(text);
}

}  // namespace
}  // namespace gpreempt::study
