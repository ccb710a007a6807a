// Goal: on machines of the virtual driver whose costs are known, and which do what the model does
// not know of, intervals and predictions hold what they should; a wrong model is called so.
// Method: a short campaign; `gpreempt calibrate --campaign 200` is the long one. Seeds are fixed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "calibration/costs.h"
#include "calibration/fit.h"
#include "cli/calibrate_campaign.h"
#include "cli/calibrated_model.h"
#include "cli/run_options.h"
#include "config/parameter.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

constexpr std::uint32_t kKernelQueues = 8;

sim::Model usual_model() {
  const Result<sim::Model> model = sim::find_model("mi308x", kKernelQueues);
  GPREEMPT_CHECK(model.has_value());
  return *model;
}

CampaignResult campaign(BackendKind backend, std::uint32_t bundles, bool wrong_model) {
  const Result<CampaignResult> result = run_campaign(usual_model(), {.bundles = bundles,
                                                                     .seed = 1,
                                                                     .backend = backend,
                                                                     .wrong_model = wrong_model,
                                                                     .progress = {}});
  if (!result) {
    ADD_FAILURE() << result.error().what;
    return {};
  }
  return *result;
}

TEST(Campaign, IntervalsHoldTheTruthOfPerturbedMachines) {
  constexpr std::uint32_t kBundles = 8;
  const CampaignResult result = campaign(BackendKind::kVkfd, kBundles, false);
  // Some ten intervals a bundle, which are not independent: as if each bundle had three.
  // Binomial(24, 0.9) is below 17 once in two hundred times.
  EXPECT_GE(result.intervals.of, std::size_t{8} * kBundles);
  EXPECT_GE(result.intervals.share(), 17.0 / 24);
  // Thousands of calls.
  EXPECT_GT(result.calls.of, 1'000U);
  EXPECT_GE(result.calls.share(), 0.85);
  EXPECT_LE(result.calls.share(), 0.95);
  // Of 8 right models at a level of 1 %, two are called wrong once in 400 campaigns.
  EXPECT_LE(result.flagged, 1U);
  EXPECT_LT(result.clock_error, 1e-5);
  EXPECT_TRUE(result.sums.contains("t_hiq + t_fence + unmodelled"));
  EXPECT_TRUE(result.sums.contains("t_map_queue + t_dequeue"));
}

TEST(Campaign, CallsAModelWrongThatIs) {
  constexpr std::uint32_t kBundles = 3;
  const CampaignResult result = campaign(BackendKind::kVkfd, kBundles, true);
  EXPECT_EQ(result.flagged, kBundles);
}

TEST(Campaign, DrawsMachinesThatDiffer) {
  const std::vector<sim::SystemOptions> machines =
      campaign_machines(usual_model(), {}, {.bundles = 4, .seed = 3});
  ASSERT_EQ(machines.size(), 4U);
  EXPECT_NE(machines[0].gpu.t_hiq, machines[1].gpu.t_hiq);
  EXPECT_NE(machines[0].gpu.perturbation.unmodelled, machines[1].gpu.perturbation.unmodelled);
  EXPECT_FALSE(machines[0].gpu.perturbation.is_none());
}

TEST(CostsOf, AreTheModelsParameters) {
  const sim::Model model = usual_model();
  const calibration::Costs costs = costs_of(model.point);
  EXPECT_EQ(at(costs, calibration::Cost::kHiq), 20'000);
  // 10^6 bytes at 1.8 TB/s.
  EXPECT_NEAR(at(costs, calibration::Cost::kSaveByte), 555.6, 0.1);
  EXPECT_EQ(at(costs, calibration::Cost::kUnmodelled), 0);
}

/// A fit that found these, each surely.
calibration::Fit found(const std::vector<std::pair<std::vector<calibration::Cost>, double>>& sums) {
  calibration::Fit fit;
  for (const auto& [costs, value] : sums) {
    calibration::Estimate estimate{.value = value, .lo = value * 0.99, .hi = value * 1.01};
    for (const calibration::Cost cost : costs) {
      at(estimate.sum.weights, cost) = 1;
    }
    fit.estimates.push_back(estimate);
  }
  return fit;
}

TEST(CalibratedModel, TakesWhatWasFittedAndKeepsTheRest) {
  using calibration::Cost;
  const sim::Model model = usual_model();
  const calibration::Fit fit = found({{{Cost::kStop}, 7'000}, {{Cost::kSystemByte}, 25'000}});
  const Result<std::string> text =
      calibrated_text(model, fitted_parameters(model, fit), "simulated", "a test");
  ASSERT_TRUE(text.has_value()) << text.error().what;
  const Result<sim::Model> again = sim::parse_model(*text, "test", kKernelQueues);
  ASSERT_TRUE(again.has_value()) << again.error().what;
  EXPECT_EQ(to_ns(again->point.t_stop), 7'000);
  EXPECT_NEAR(again->point.system_bandwidth, 40e9, 1e3);  // 10^6 bytes in 25 us
  EXPECT_EQ(again->point.t_hiq, model.point.t_hiq);
  const auto stop = std::ranges::find(again->parameters, "cost.t_stop", &Parameter::name);
  ASSERT_NE(stop, again->parameters.end());
  EXPECT_EQ(stop->evidence, Evidence::kSimulated);
  EXPECT_EQ(stop->range, (std::vector<double>{6'930, 7'070}));
}

TEST(CalibratedModel, PartsOfSumsThatShareACostComeToBothSums) {
  using calibration::Cost;
  const sim::Model model = usual_model();
  const calibration::Fit fit = found({{{Cost::kHiq, Cost::kFence, Cost::kUnmodelled}, 90'000},
                                      {{Cost::kFence, Cost::kMap, Cost::kUnmodelled}, 30'000}});
  const Result<std::string> text =
      calibrated_text(model, fitted_parameters(model, fit), "measured", "a test");
  ASSERT_TRUE(text.has_value()) << text.error().what;
  const Result<sim::Model> again = sim::parse_model(*text, "test", kKernelQueues);
  ASSERT_TRUE(again.has_value()) << again.error().what;
  EXPECT_NEAR(static_cast<double>(to_ns(again->point.t_hiq + again->point.t_fence)), 90'000, 5);
  EXPECT_NEAR(static_cast<double>(to_ns(again->point.t_fence + again->point.t_map)), 30'000, 5);
  // How a sum is divided was not measured.
  const auto hiq = std::ranges::find(again->parameters, "cost.t_hiq", &Parameter::name);
  ASSERT_NE(hiq, again->parameters.end());
  EXPECT_EQ(hiq->evidence, Evidence::kGuess);
}

TEST(CalibratedModel, KeepsAPriorThatKnowsMore) {
  using calibration::Cost;
  const sim::Model model = usual_model();
  calibration::Fit fit = found({{{Cost::kStop}, 7'000}});
  fit.estimates.front().lo = -50'000;
  fit.estimates.front().hi = 60'000;
  EXPECT_TRUE(fitted_parameters(model, fit).empty());
}

}  // namespace
}  // namespace gpreempt::cli
