// Goal: a verdict reads the same for a program as for a person.
#include "experiments/verdict.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "experiments/experiment.h"

namespace gpreempt::experiments {
namespace {

Verdict sample() {
  return {.name = "suspend-latency",
          .value = 2.5,
          .expected = "at most 5",
          .answer = Answer::kMet,
          .reason = "it is \"short\"",
          .confidence = 0.95,
          .basis = Basis::kMeasured,
          .backend = "kfd",
          .numbers = {{"p99_ns", 1200.0}, {"nothing", std::numeric_limits<double>::quiet_NaN()}},
          .facts = {{"driver", "dkms-6.12.12"}}};
}

TEST(Verdict, OneThatIsUnavailableHasNoEvidenceWhateverItsWorld) {
  Verdict nothing = unavailable("queue-ids", "there is no driver");
  stem_from(nothing, "kfd", Basis::kMeasured);
  EXPECT_TRUE(nlohmann::json::parse(to_json(nothing))["evidence"].is_null());
  EXPECT_EQ(weakest_basis({nothing}), Basis::kNothing);
  Verdict found{.name = "queue-ids", .answer = Answer::kYes, .reason = {}};
  stem_from(found, "kfd", Basis::kMeasured);
  EXPECT_EQ(weakest_basis({nothing, found}), Basis::kMeasured);
  found.basis = Basis::kAssumed;
  stem_from(found, "kfd", Basis::kMeasured);
  EXPECT_EQ(weakest_basis({nothing, found}), Basis::kAssumed);
}

TEST(VerdictJson, HasEveryKeyOfTheFormat) {
  const auto json = nlohmann::json::parse(to_json(sample()));
  EXPECT_EQ(json["name"], "suspend-latency");
  EXPECT_EQ(json["value"], 2.5);
  EXPECT_EQ(json["expected"], "at most 5");
  EXPECT_EQ(json["verdict"], "met");
  EXPECT_EQ(json["reason"], "it is \"short\"");
  EXPECT_EQ(json["confidence"], 0.95);
  EXPECT_EQ(json["evidence"], "measured");
  EXPECT_EQ(json["backend"], "kfd");
  EXPECT_EQ(json["numbers"]["p99_ns"].dump(), "1200");
  EXPECT_TRUE(json["numbers"]["nothing"].is_null());
  EXPECT_EQ(json["facts"]["driver"], "dkms-6.12.12");
}

TEST(VerdictJson, NothingIsNull) {
  const auto json = nlohmann::json::parse(to_json(unavailable("x", "no such thing")));
  EXPECT_TRUE(json["value"].is_null());
  EXPECT_TRUE(json["expected"].is_null());
  EXPECT_TRUE(json["confidence"].is_null());
  EXPECT_EQ(json["verdict"], "unavailable");
}

TEST(VerdictsDocument, IsAsWeakAsItsWeakestResult) {
  Verdict assumed = sample();
  assumed.basis = Basis::kAssumed;
  const auto one =
      nlohmann::json::parse(verdicts_document("experiment", {.backend = "kfd"}, {sample()}));
  EXPECT_EQ(one["evidence"], "measured");
  const auto both = nlohmann::json::parse(
      verdicts_document("experiment", {.backend = "kfd"}, {sample(), assumed}));
  EXPECT_EQ(both["schema"], 1);
  EXPECT_EQ(both["command"], "experiment");
  EXPECT_EQ(both["evidence"], "assumed");
  EXPECT_EQ(both["results"].size(), 2U);
  EXPECT_TRUE(
      nlohmann::json::parse(verdicts_document("experiment", {.backend = "kfd"}, {}))["evidence"]
          .is_null());
}

TEST(Experiments, HaveNamesOfTheirOwnAndSayWhatTheyAsk) {
  std::set<std::string_view> names;
  for (const Experiment& each : experiments()) {
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
    EXPECT_TRUE(each.question.ends_with("?")) << each.name;
    EXPECT_FALSE(each.needs.empty()) << each.name;
  }
}

TEST(Experiments, NearestNameIsOffered) {
  const Result<const Experiment*> found = find_experiment("queue-id");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::kInvalidArgument);
  EXPECT_NE(found.error().what.find("queue-ids"), std::string::npos) << found.error().what;
}

TEST(Experiments, WorldThatCannotBeHadIsUnavailableWithItsReason) {
  Setting setting{.open =
                      [](const WorldRequest& /*request*/) {
                        return fail(Errc::kNoSuchDevice, "open /dev/kfd: there is none");
                      },
                  .backend = "kfd",
                  .basis = Basis::kMeasured};
  for (const Experiment& each : experiments()) {
    const Result<std::vector<Verdict>> verdicts = run_experiment(each, setting);
    ASSERT_TRUE(verdicts) << each.name;
    ASSERT_EQ(verdicts->size(), 1U) << each.name;
    EXPECT_EQ(verdicts->front().answer, Answer::kUnavailable);
    EXPECT_EQ(verdicts->front().reason, "open /dev/kfd: there is none");
    EXPECT_EQ(verdicts->front().name, each.name);
  }
  setting.open = [](const WorldRequest& /*request*/) {
    return fail(Errc::kInternal, "the world ended");
  };
  EXPECT_FALSE(run_experiment(experiments().front(), setting));
}

}  // namespace
}  // namespace gpreempt::experiments
