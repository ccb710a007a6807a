// Goal: a fit finds the costs that made the samples, its intervals hold them as often as they say,
// and a model that is wrong is called so, and a right one not.
// Method: samples from known costs by the formulas, with heavy-tailed noise. Bounds on counts are
// those that a binomial leaves once in ten thousand times; seeds are fixed.
#include "calibration/fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "calibration/costs.h"
#include "calibration/sample.h"
#include "calibration/sums.h"
#include "core/error.h"
#include "tests/calibration/synthetic.h"

namespace gpreempt::calibration {
namespace {

using testing::Machine;
using testing::samples_of;
using testing::setup_of;
using testing::truth_of;
using testing::usual_costs;

Fit fitted(const std::vector<CallSample>& samples, std::uint64_t seed = 1,
           std::size_t draws = 199) {
  const Result<Fit> fit = fit_costs(samples, setup_of(samples), {.draws = draws, .seed = seed});
  if (!fit) {
    ADD_FAILURE() << fit.error().what;
    return {};
  }
  return *fit;
}

Machine noisy() {
  return {.truth = usual_costs(), .noise_ns = 3'000, .jitter_ns = 60, .missing = 0.2};
}

const Estimate* find(const Fit& fit, const std::string& name) {
  const auto found = std::ranges::find_if(
      fit.estimates, [&](const Estimate& each) { return each.sum.name() == name; });
  return found == fit.estimates.end() ? nullptr : &*found;
}

TEST(Fit, WithoutNoiseFindsTheCosts) {
  const Machine machine{.truth = usual_costs()};
  const Fit fit = fitted(samples_of(machine, 1));
  ASSERT_GE(fit.estimates.size(), 10U);
  for (const Estimate& estimate : fit.estimates) {
    EXPECT_NEAR(estimate.value, dot(estimate.sum.weights, machine.truth), 5) << estimate.sum.name();
  }
}

TEST(Fit, ReportsWhatNoClientCanTellApartAsSums) {
  const Fit fit = fitted(samples_of(noisy(), 1));
  EXPECT_NE(find(fit, "t_hiq + t_fence + unmodelled"), nullptr);
  EXPECT_NE(find(fit, "t_map_queue + t_dequeue"), nullptr);
  for (const char* alone :
       {"t_hiq", "t_fence", "unmodelled", "t_map_queue", "t_dequeue", "t_map"}) {
    EXPECT_EQ(find(fit, alone), nullptr) << alone;
  }
}

TEST(Fit, TellsFewerCostsApartIfTheCompanyNeverVaries) {
  Machine machine = noisy();
  machine.one_company = true;
  const Fit fit = fitted(samples_of(machine, 1));
  EXPECT_EQ(find(fit, "t_map_process"), nullptr);
  EXPECT_EQ(find(fit, "t_map_queue + t_dequeue"), nullptr);
  EXPECT_EQ(find(fit, "t_ioctl"), nullptr);
  EXPECT_NE(find(fit, "t_copyctx_entry"), nullptr);
  EXPECT_NE(find(fit, "save_time"), nullptr);
}

TEST(Fit, KnowsTheBusFromTheGpusMemory) {
  Machine machine = noisy();
  machine.over_bus = true;
  const Fit fit = fitted(samples_of(machine, 1));
  const Estimate* const bus = find(fit, "system_time");
  ASSERT_NE(bus, nullptr);
  EXPECT_NEAR(bus->value, 28'000, 30);
}

TEST(Fit, IntervalsHoldTheTruthAsOftenAsTheySay) {
  std::size_t held = 0;
  std::size_t all = 0;
  struct Count {
    std::size_t held = 0;
    std::size_t of = 0;
  };
  std::map<std::string, Count> by_name;
  constexpr std::uint64_t kBundles = 200;
  for (std::uint64_t seed = 1; seed <= kBundles; ++seed) {
    Machine machine = noisy();
    machine.over_bus = seed % 2 == 0;
    const Costs truth = truth_of(machine);
    for (const Estimate& estimate : fitted(samples_of(machine, seed), seed).estimates) {
      const double wanted = dot(estimate.sum.weights, truth);
      const bool holds = estimate.lo <= wanted && wanted <= estimate.hi;
      held += holds ? 1U : 0U;
      Count& count = by_name[estimate.sum.name()];
      count.held += holds ? 1U : 0U;
      ++count.of;
      ++all;
    }
  }
  const double share = static_cast<double>(held) / static_cast<double>(all);
  EXPECT_GE(share, 0.85);
  EXPECT_LE(share, 0.95);
  for (const auto& [name, count] : by_name) {
    // Binomial(n, 0.9), normal: fewer are there once in ten thousand times.
    const auto n = static_cast<double>(count.of);
    EXPECT_GE(static_cast<double>(count.held), 0.9 * n - 3.72 * std::sqrt(0.09 * n))
        << name << ": " << count.held << " of " << count.of;
  }
}

TEST(LackOfFit, OfTheRightModelIsUniform) {
  std::size_t below_tenth = 0;
  std::size_t below_half = 0;
  constexpr std::uint64_t kBundles = 200;
  for (std::uint64_t seed = 1; seed <= kBundles; ++seed) {
    const Fit fit = fitted(samples_of(noisy(), 1'000 + seed), seed);
    ASSERT_TRUE(fit.lack_of_fit.p.has_value());
    below_tenth += *fit.lack_of_fit.p < 0.1 ? 1U : 0U;
    below_half += *fit.lack_of_fit.p < 0.5 ? 1U : 0U;
  }
  // Binomial(200, 0.1): 20 +- 3.7 x 4.24; Binomial(200, 0.5): 100 +- 3.7 x 7.07.
  EXPECT_GE(below_tenth, 4U);
  EXPECT_LE(below_tenth, 36U);
  EXPECT_GE(below_half, 73U);
  EXPECT_LE(below_half, 127U);
}

TEST(LackOfFit, CallsATermWrongThatNoFormulaHas) {
  std::size_t flagged = 0;
  constexpr std::uint64_t kBundles = 20;
  for (std::uint64_t seed = 1; seed <= kBundles; ++seed) {
    Machine machine = noisy();
    // By the square of the queues: 17 us for 13 of them, where the line through the others has 5.
    machine.besides = [](std::uint32_t others) { return 100.0 * others * others; };
    const Fit fit = fitted(samples_of(machine, seed), seed);
    flagged += fit.lack_of_fit.p < 0.01 ? 1U : 0U;
  }
  EXPECT_GE(flagged, 19U);
}

TEST(LackOfFit, NamesTheSettingsThatAreMissed) {
  Machine machine = noisy();
  machine.besides = [](std::uint32_t others) { return others == 13 ? 0.0 : others * 3'000.0; };
  const Fit fit = fitted(samples_of(machine, 1));
  ASSERT_FALSE(fit.misses.empty());
  EXPECT_LT(fit.lack_of_fit.p.value_or(1), 0.01);
  EXPECT_GT(std::abs(fit.misses.front().deviations), 3);
}

TEST(Fit, DoesNotDependOnTheOrderOfPlaces) {
  std::vector<CallSample> samples = samples_of(noisy(), 1);
  const Fit before = fitted(samples);
  std::reverse(samples.begin(), samples.end());
  const Fit after = fitted(samples);
  for (const Estimate& estimate : before.estimates) {
    const Estimate* const same = find(after, estimate.sum.name());
    ASSERT_NE(same, nullptr) << estimate.sum.name();
    // Weights come from draws, which differ: a fraction of the interval.
    EXPECT_NEAR(same->value, estimate.value, 0.25 * (estimate.hi - estimate.lo))
        << estimate.sum.name();
  }
}

TEST(Fit, OfTimesThatAreTwiceAsLongIsTwiceTheCosts) {
  Machine machine{.truth = usual_costs()};
  const Fit once = fitted(samples_of(machine, 1));
  for (double& cost : machine.truth) {
    cost *= 2;
  }
  const Fit twice = fitted(samples_of(machine, 1));
  ASSERT_EQ(once.estimates.size(), twice.estimates.size());
  for (std::size_t i = 0; i < once.estimates.size(); ++i) {
    EXPECT_NEAR(twice.estimates[i].value, 2 * once.estimates[i].value, 10);
  }
}

TEST(Fit, OfTheSameSamplesAndSeedIsTheSame) {
  const std::vector<CallSample> samples = samples_of(noisy(), 1);
  const Fit one = fitted(samples);
  const Fit other = fitted(samples);
  for (std::size_t i = 0; i < one.estimates.size(); ++i) {
    EXPECT_EQ(one.estimates[i].lo, other.estimates[i].lo);
  }
  EXPECT_EQ(one.lack_of_fit.p, other.lack_of_fit.p);
}

TEST(Fit, DoesNotMindAWildCall) {
  std::vector<CallSample> samples = samples_of(noisy(), 1);
  const Fit before = fitted(samples);
  samples[5].suspend_ns += 9'000'000'000;
  const Fit after = fitted(samples);
  const std::string name = "t_hiq + t_fence + unmodelled";
  ASSERT_NE(find(before, name), nullptr);
  ASSERT_NE(find(after, name), nullptr);
  EXPECT_NEAR(find(after, name)->value, find(before, name)->value, 2'000);
}

TEST(Fit, CorrectsAClockThatDrifts) {
  Machine machine = noisy();
  machine.over_bus = true;
  machine.clock_rate = 1.002;
  const Fit fit = fitted(samples_of(machine, 1));
  const Estimate* const bus = find(fit, "system_time");
  ASSERT_NE(bus, nullptr);
  // 0.2 % of it would be 56.
  EXPECT_NEAR(bus->value, 28'000, 20);
}

TEST(Fit, WithoutStampsLeavesOutWavesWhoseAreasAreUnknown) {
  Machine machine = noisy();
  machine.missing = 1;
  const std::vector<CallSample> samples = samples_of(machine, 1);
  const Fit fit = fitted(samples);
  EXPECT_EQ(find(fit, "save_time"), nullptr);
  EXPECT_NE(find(fit, "t_build_entry"), nullptr);
  // Four of seven places have waves of the process.
  EXPECT_EQ(fit.left_out, samples.size() / 7 * 4);
}

TEST(Fit, RefusesSamplesThatNoFormulaIsFor) {
  std::vector<CallSample> samples = samples_of(noisy(), 1);
  for (CallSample& sample : samples) {
    sample.gpus = 2;
  }
  const Result<Fit> fit = fit_costs(samples, setup_of(samples));
  ASSERT_FALSE(fit.has_value());
  EXPECT_EQ(fit.error().code, Errc::kInvalidArgument);
  EXPECT_NE(fit.error().what.find("one GPU"), std::string::npos) << fit.error().what;
}

TEST(Fit, RefusesSamplesWithoutRepetition) {
  Machine machine = noisy();
  machine.repetitions = 1;
  machine.one_grace = true;
  const std::vector<CallSample> samples = samples_of(machine, 1);
  const Result<Fit> fit = fit_costs(samples, setup_of(samples));
  ASSERT_FALSE(fit.has_value());
  EXPECT_NE(fit.error().what.find("repeated"), std::string::npos) << fit.error().what;
}

}  // namespace
}  // namespace gpreempt::calibration
