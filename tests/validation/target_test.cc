// Goal: a verdict follows from the expected value, its tolerance and the answer's value alone; a
// band is what the priors leave open.
#include "validation/target.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

#include "backends/sim/gpu/parameters.h"
#include "core/error.h"
#include "core/time.h"
#include "validation/hardware.h"
#include "validation/shared_run.h"

namespace gpreempt::validation {
namespace {

Target target(std::optional<double> expected, Tolerance tolerance) {
  Target made;
  made.expected = expected;
  made.tolerance = tolerance;
  return made;
}

TEST(Verdict, ExactValueMustBeMetExactly) {
  EXPECT_EQ(judge(target(100, exactly()), Answer{.value = 100}), Verdict::kPass);
  EXPECT_EQ(judge(target(100, exactly()), Answer{.value = 100.001}), Verdict::kFail);
}

TEST(Verdict, RelativeToleranceIsOfTheExpectedValue) {
  EXPECT_EQ(judge(target(200, within_percent(10)), Answer{.value = 220}), Verdict::kPass);
  EXPECT_EQ(judge(target(200, within_percent(10)), Answer{.value = 179.9}), Verdict::kFail);
}

TEST(Verdict, AbsoluteToleranceIsInTheUnitOfTheTarget) {
  EXPECT_EQ(judge(target(3.6, within(0.06)), Answer{.value = 3.65}), Verdict::kPass);
  EXPECT_EQ(judge(target(3.6, within(0.06)), Answer{.value = 3.7}), Verdict::kFail);
}

TEST(Verdict, BoundIsMetByAnythingBelow) {
  EXPECT_EQ(judge(target(5, at_most()), Answer{.value = 0.1}), Verdict::kPass);
  EXPECT_EQ(judge(target(5, at_most()), Answer{.value = 5.1}), Verdict::kFail);
}

TEST(Verdict, IsAboutTheValueWhateverTheBand) {
  EXPECT_EQ(judge(target(100, within(10)), Answer{.value = 150, .band = Band{.lo = 95, .hi = 300}}),
            Verdict::kFail);
  EXPECT_EQ(
      judge(target(100, within(10)), Answer{.value = 105, .band = Band{.lo = 105, .hi = 300}}),
      Verdict::kPass);
}

TEST(Band, SpansWhatThePriorsGiveAndNotTheValueAlone) {
  Target made = target(1, exactly());
  made.run = [](Hardware& hardware) -> Result<double> {
    return hardware.gpu("mi308x").map(
        [](const sim::GpuParameters& gpu) { return static_cast<double>(to_ns(gpu.t_map)); });
  };
  const Result<Answer> given = answer(made, 20);
  ASSERT_TRUE(given.has_value());
  ASSERT_TRUE(given->band.has_value());
  EXPECT_LT(given->band->lo, given->value);
  EXPECT_GT(given->band->hi, given->value);
  EXPECT_EQ(answer(made, 20)->band->hi, given->band->hi);
  EXPECT_FALSE(answer(made, 0)->band.has_value());
}

TEST(Band, IsAbsentWhereNoPriorEntersOrTheRunIsLong) {
  Target made = target(1, exactly());
  made.run = [](Hardware&) -> Result<double> { return 1; };
  EXPECT_EQ(answer(made, 20)->no_band, NoBand::kNoPrior);
  made.long_run = true;
  made.run = [](Hardware& hardware) -> Result<double> {
    return hardware.gpu("mi308x").map([](const sim::GpuParameters&) { return 1.0; });
  };
  EXPECT_EQ(answer(made, 20)->no_band, NoBand::kTooLong);
}

TEST(Verdict, WithoutAnExpectedValueItIsAPrediction) {
  EXPECT_EQ(judge(target(std::nullopt, exactly()), Answer{.value = 7}), Verdict::kPrediction);
}

TEST(Verdict, MissThatIsKnownIsNeitherMetNorAFailure) {
  Target known = target(100, exactly());
  known.miss = "contention is not modelled";
  EXPECT_EQ(judge(known, Answer{.value = 90}), Verdict::kKnownMiss);
  EXPECT_EQ(judge(known, Answer{.value = 100}), Verdict::kPass);
}

TEST(Verdict, IsSkippedWithoutItsInputAndAFailureOnAnyOtherError) {
  EXPECT_EQ(judge(target(1, exactly()), fail(Errc::kUnsupported, "no profile")), Verdict::kSkipped);
  EXPECT_EQ(judge(target(1, exactly()), fail(Errc::kParse, "bad profile")), Verdict::kFail);
}

TEST(SharedRun, RunsOnceOnEachHardwareAndTellsEveryoneOfPriors) {
  int runs = 0;
  const SharedRun<int> shared([&runs](Hardware& hardware) -> Result<int> {
    return hardware.gpu("mi308x").map([&runs](const sim::GpuParameters&) { return ++runs; });
  });
  Hardware first;
  Hardware second;
  Hardware drawn({.index = 0, .count = 4});
  EXPECT_EQ(shared.on(first), 1);
  EXPECT_EQ(shared.on(second), 1);
  EXPECT_TRUE(second.uncertain());
  EXPECT_EQ(shared.on(drawn), 2);
}

TEST(Targets, PredictAtLeastEightPublishedClaims) {
  std::set<std::string> claims;
  std::set<std::string> missed;
  for (const Target& each : targets({})) {
    if (each.label == Label::kPredicted && each.expected && each.group.starts_with('V')) {
      const std::string claim = each.claim.empty() ? each.name : each.claim;
      (each.miss.empty() ? claims : missed).insert(claim);
    }
  }
  for (const std::string& claim : missed) {
    claims.erase(claim);
  }
  EXPECT_GE(claims.size(), 8U);
}

TEST(Targets, HaveNamesOfTheirOwnAndSources) {
  std::set<std::string> names;
  for (const Target& each : targets({})) {
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
    EXPECT_FALSE(each.source.empty()) << each.name;
    EXPECT_FALSE(each.unit.empty()) << each.name;
  }
}

}  // namespace
}  // namespace gpreempt::validation
