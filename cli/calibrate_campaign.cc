#include "cli/calibrate_campaign.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "backends/sim/gpu/perturbation.h"
#include "backends/sim/model_draws.h"
#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "calibration/costs.h"
#include "calibration/fit.h"
#include "calibration/prediction.h"
#include "calibration/sample.h"
#include "calibration/sums.h"
#include "cli/calibrated_model.h"
#include "cli/calibration_result.h"
#include "cli/machine_choice.h"
#include "cli/run_options.h"
#include "cli/samples_file.h"
#include "cli/worlds.h"
#include "config/document.h"
#include "core/error.h"
#include "core/random.h"
#include "core/time.h"
#include "experiments/experiment.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

using calibration::CallSample;

constexpr double kLeastCoverage = 0.85;
constexpr double kMostCoverage = 0.95;

Duration uniform(RandomStream& random, Duration least, Duration most) {
  const auto span = static_cast<double>(to_ns(most - least));
  return least + Duration(std::llround(span * random.uniform()));
}

/// Heavy-tailed noise, a term of 0 to 200 us that the model lacks, clocks that drift apart, and
/// stamps that are missing.
sim::Perturbation perturbation_of(std::uint64_t seed, bool wrong_model) {
  using std::chrono::microseconds;
  using std::chrono::nanoseconds;
  RandomStream random(seed, "campaign/perturbation");
  sim::Perturbation perturbation{.seed = seed};
  perturbation.noise = uniform(random, microseconds(1), microseconds(5));
  perturbation.unmodelled = uniform(random, microseconds(0), microseconds(200));
  perturbation.jitter = nanoseconds(50);
  constexpr double kMostDrift = 1e-4;
  perturbation.clock_drift = kMostDrift * (2 * random.uniform() - 1);
  perturbation.missing_stamps = 0.3 * random.uniform();
  perturbation.bend = wrong_model ? nanoseconds(100) : nanoseconds(0);
  return perturbation;
}

/// A bundle as the experiment writes it and calibrate reads it.
Result<Halves> bundle_of(const OpenMachine& open, const sim::SystemOptions& machine) {
  std::vector<CallSample> samples;
  const experiments::Setting setting{
      .open =
          [&](const experiments::WorldRequest& request) {
            sim::SystemOptions asked = machine;
            asked.gpus = request.gpus;
            asked.seed = request.seed;
            asked.gpu.perturbation.seed = request.seed;
            return open(asked);
          },
      .quick = true,
      .seed = machine.seed,
      .backend = "campaign",
      .basis = experiments::Basis::kSimulated,
      .record = [&](const CallSample& sample) { samples.push_back(sample); }};
  const experiments::Experiment* costs = nullptr;
  GPREEMPT_TRY(store(costs, experiments::find_experiment("suspend-costs")));
  GPREEMPT_TRY(costs->run(setting));
  const Halves halves = halves_of(samples);
  Halves read;
  GPREEMPT_TRY(store(read.fit, read_samples(samples_text(halves.fit), kSamplesFile)));
  GPREEMPT_TRY(store(read.held_out, read_samples(samples_text(halves.held_out), kHeldOutFile)));
  return read;
}

void count(const sim::SystemOptions& machine, const CalibrationResult& fitted,
           const calibration::Validation& validation, CampaignResult& result) {
  const calibration::Costs truth = costs_of(machine.gpu);
  for (const calibration::Estimate& estimate : fitted.fit.estimates) {
    const double wanted = calibration::dot(estimate.sum.weights, truth);
    const bool holds = estimate.lo <= wanted && wanted <= estimate.hi;
    for (Tally* tally : {&result.sums[estimate.sum.name()], &result.intervals}) {
      tally->held += holds ? 1U : 0U;
      ++tally->of;
    }
  }
  result.calls.held += validation.covered;
  result.calls.of += validation.calls;
  result.p.push_back(fitted.fit.lack_of_fit.p.value_or(1));
  result.flagged += fitted.is_wrong() ? 1U : 0U;
  result.clock_error = std::max(
      result.clock_error, std::abs(fitted.clock.rate - 1 - machine.gpu.perturbation.clock_drift));
}

Result<void> run_bundles(const OpenMachine& open, const sim::Model& model,
                         const std::vector<sim::SystemOptions>& machines,
                         const CampaignOptions& options, CampaignResult& result) {
  for (const sim::SystemOptions& machine : machines) {
    Halves halves;
    GPREEMPT_TRY(store(halves, bundle_of(open, machine)));
    CalibrationResult fitted;
    GPREEMPT_TRY(store(fitted, calibrate(model, halves.fit, machine.seed)));
    const calibration::Validation validation =
        calibration::validate(fitted.fit, halves.held_out, std::nullopt, kCalibrationConfidence);
    count(machine, fitted, validation, result);
    if (options.progress) {
      options.progress(static_cast<double>(result.p.size()) / static_cast<double>(machines.size()));
    }
  }
  return {};
}

bool is_covering(const Tally& tally) {
  return tally.share() >= kLeastCoverage && tally.share() <= kMostCoverage;
}

}  // namespace

bool CampaignResult::covers() const { return is_covering(intervals) && is_covering(calls); }

std::vector<sim::SystemOptions> campaign_machines(const sim::Model& model,
                                                  const sim::SystemOptions& usual,
                                                  const CampaignOptions& options) {
  std::vector<sim::SystemOptions> machines;
  for (const sim::Values& values : sim::draw_values(model, options.bundles, options.seed)) {
    sim::SystemOptions machine = usual;
    machine.gpu = model.with(values);
    machine.seed = options.seed * 100'003 + machines.size();
    machine.gpu.perturbation = perturbation_of(machine.seed, options.wrong_model);
    machines.push_back(machine);
  }
  return machines;
}

Result<CampaignResult> run_campaign(const sim::Model& model, const CampaignOptions& options) {
  sim::SystemOptions usual;
  GPREEMPT_TRY(store(usual, machine_of({.kind = options.backend})));
  CampaignResult result{.bundles = options.bundles,
                        .backend = to_string(options.backend),
                        .model = model.name,
                        .wrong_model = options.wrong_model};
  GPREEMPT_TRY(check_backend(options.backend));
  GPREEMPT_TRY(run_in_world(options.backend, {}, [&](const OpenMachine& open) {
    return run_bundles(open, model, campaign_machines(model, usual, options), options, result);
  }));
  return result;
}

}  // namespace gpreempt::cli
