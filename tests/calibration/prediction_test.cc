// Goal: what was foretold of calls holds as often as it says, clocks are told apart, and hashes are
// those that everybody computes.
// Method: synthetic machines; closed forms and published vectors.
#include "calibration/prediction.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "calibration/fit.h"
#include "calibration/gpu_clock.h"
#include "calibration/sample.h"
#include "calibration/sha256.h"
#include "core/error.h"
#include "tests/calibration/synthetic.h"

namespace gpreempt::calibration {
namespace {

using testing::Machine;
using testing::samples_of;
using testing::setup_of;
using testing::usual_costs;

constexpr double kConfidence = 0.9;

Machine repeated_often() {
  return {.truth = usual_costs(), .noise_ns = 3'000, .jitter_ns = 60, .repetitions = 20};
}

Fit fit_of(const std::vector<CallSample>& samples) {
  const Result<Fit> fit = fit_costs(samples, setup_of(samples), {.draws = 99});
  GPREEMPT_CHECK(fit.has_value());
  return *fit;
}

TEST(Validation, OfAnotherDrawOfTheMachineCoversNineInTen) {
  const Fit fit = fit_of(samples_of(repeated_often(), 1));
  std::size_t calls = 0;
  std::size_t covered = 0;
  for (std::uint64_t seed = 2; seed < 12; ++seed) {
    const Validation validation =
        validate(fit, samples_of(repeated_often(), seed), std::nullopt, kConfidence);
    calls += validation.calls;
    covered += validation.covered;
    EXPECT_EQ(validation.not_predicted, 0U);
  }
  const double share = static_cast<double>(covered) / static_cast<double>(calls);
  EXPECT_GE(share, 0.85);
  EXPECT_LE(share, 0.95);
}

TEST(Validation, OfAnotherMachineFindsTheError) {
  const Fit fit = fit_of(samples_of(repeated_often(), 1));
  Machine slower = repeated_often();
  at(slower.truth, Cost::kHiq) += 40'000;
  const Validation validation = validate(fit, samples_of(slower, 2), usual_costs(), kConfidence);
  ASSERT_FALSE(validation.outcomes.empty());
  const Outcome& suspends = validation.outcomes.front();
  EXPECT_EQ(suspends.seen, Seen::kSuspend);
  EXPECT_NEAR(suspends.error_ns, 40'000, 4'000);
  EXPECT_LT(suspends.covered_hi, 0.85);
}

TEST(Validation, SaysHowFarTheModelWasOffBefore) {
  const Machine machine = repeated_often();
  const Fit fit = fit_of(samples_of(machine, 1));
  Costs prior = machine.truth;
  at(prior, Cost::kHiq) -= 15'000;
  at(prior, Cost::kUnmodelled) = 0;  // 50 us, and what noise adds: no model knows of it
  const Validation validation = validate(fit, samples_of(machine, 2), prior, kConfidence);
  const Outcome& suspends = validation.outcomes.front();
  EXPECT_NEAR(suspends.prior_error_ns.value_or(0), 15'000 + 50'000 + 0.587 * 3'000, 2'000);
  EXPECT_LT(suspends.error_ns, 1'500);
}

TEST(PredictSettings, HoldsWhatIsForetoldBetweenItsBounds) {
  const std::vector<CallSample> samples = samples_of(repeated_often(), 1);
  const Fit fit = fit_of(samples);
  const std::vector<Prediction> predictions = predict_settings(fit, samples, kConfidence);
  EXPECT_EQ(predictions.size(), fit.settings);
  for (const Prediction& each : predictions) {
    EXPECT_LT(each.lo_ns, each.ns);
    EXPECT_GT(each.hi_ns, each.ns);
  }
}

TEST(BandOf, OfTooFewIsNotBounded) {
  Fit fit;
  fit.noise.at(0) = {-1, 0, 1};
  const std::optional<Band> band = band_of(fit, Seen::kSuspend, kConfidence);
  ASSERT_TRUE(band.has_value());
  EXPECT_FALSE(band->bounded);
  EXPECT_FALSE(band_of(fit, Seen::kGap, kConfidence).has_value());
}

TEST(BandOf, TakesTheRanksOfNinetyNine) {
  Fit fit;
  for (int i = 1; i <= 99; ++i) {
    fit.noise.at(0).push_back(i);
  }
  // Ranks 0.05 x 100 and 0.95 x 100.
  const std::optional<Band> band = band_of(fit, Seen::kSuspend, kConfidence);
  ASSERT_TRUE(band.has_value());
  EXPECT_TRUE(band->bounded);
  EXPECT_NEAR(band->lo_ns, 5, 1);
  EXPECT_NEAR(band->hi_ns, 95, 1);
}

TEST(ProportionOf, IsCloppersAndPearsons) {
  // None of ten: the bound is 1 - 0.025^(1/10); all of ten: 0.025^(1/10).
  const double bound = std::pow(0.025, 0.1);
  EXPECT_EQ(proportion_of(0, 10, 0.95).lo, 0);
  EXPECT_NEAR(proportion_of(0, 10, 0.95).hi, 1 - bound, 1e-9);
  EXPECT_NEAR(proportion_of(10, 10, 0.95).lo, bound, 1e-9);
  EXPECT_EQ(proportion_of(10, 10, 0.95).hi, 1);
}

TEST(ClockRate, IsFoundThroughStampsThatAreMissing) {
  Machine machine = repeated_often();
  machine.missing = 0.5;
  machine.clock_rate = 1 + 73e-6;
  const ClockRate rate = clock_rate_of(samples_of(machine, 1), kConfidence);
  EXPECT_GT(rate.pairs, 10U);
  // A nanosecond of rounding in 200 ms.
  EXPECT_NEAR(rate.rate, 1 + 73e-6, 2e-8);
  EXPECT_LE(rate.lo, rate.rate);
  EXPECT_GE(rate.hi, rate.rate);
}

TEST(ClockRate, WithoutStampsIsTakenToBeOne) {
  Machine machine = repeated_often();
  machine.missing = 1;
  const ClockRate rate = clock_rate_of(samples_of(machine, 1), kConfidence);
  EXPECT_EQ(rate.pairs, 0U);
  EXPECT_EQ(rate.rate, 1);
}

// FIPS 180-4 examples, published by NIST.
TEST(Sha256, OfTheStandardsExamplesIsTheStandards) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace gpreempt::calibration
