#include "cli/band.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/model_draws.h"
#include "cli/metrics.h"
#include "cli/policy_runs.h"
#include "cli/progress.h"
#include "cli/run_setup.h"
#include "cli/worlds.h"
#include "config/document.h"
#include "core/error.h"
#include "core/stats.h"

namespace gpreempt::cli {
namespace {

std::optional<double> value_of(const std::optional<Quantile>& quantile) {
  return quantile ? std::optional(static_cast<double>(quantile->value)) : std::nullopt;
}

/// Values of one policy: per quantity, those of all draws.
using Columns = std::vector<std::vector<double>>;

void add(const PolicyMetrics& result, Columns& columns) {
  const std::vector<BandQuantity>& quantities = band_quantities();
  columns.resize(quantities.size());
  for (std::size_t i = 0; i < quantities.size(); ++i) {
    if (const std::optional<double> value = quantities[i].of(result)) {
      columns[i].push_back(*value);
    }
  }
}

/// Fails if the scenario ran on no draw.
Result<BandSummary> summarise(const RunSetup& setup, BandSummary summary,
                              std::vector<Columns> policies) {
  if (summary.refused == summary.draws) {
    return fail(Errc::kInvalidArgument,
                fmt::format("apply --band {}: scenario '{}' runs on none of the draws from model "
                            "{}; the first: {}",
                            summary.draws, setup.scenario.name, setup.model.name, summary.refusal));
  }
  for (std::size_t policy = 0; policy < policies.size(); ++policy) {
    PolicyBand band{.policy = setup.policies.at(policy), .intervals = {}};
    for (std::vector<double>& column : policies[policy]) {
      band.intervals.push_back(interval_of(std::move(column)));
    }
    summary.policies.push_back(std::move(band));
  }
  return summary;
}

}  // namespace

std::optional<BandInterval> interval_of(std::vector<double> values) {
  constexpr double kLow = 0.05;
  constexpr double kHigh = 0.95;
  if (values.empty()) {
    return std::nullopt;
  }
  std::ranges::sort(values);
  const auto at = [&](double q) {
    const double rank = std::max(1.0, std::ceil(q * static_cast<double>(values.size())));
    return values[static_cast<std::size_t>(rank) - 1];
  };
  return BandInterval{.lo = at(kLow), .hi = at(kHigh)};
}

const std::vector<BandQuantity>& band_quantities() {
  static const std::vector<BandQuantity> all = {
      {.key = "p50",
       .title = "p50",
       .of = [](const PolicyMetrics& m) { return value_of(m.online.latency.p50); }},
      {.key = "p99",
       .title = "p99",
       .of = [](const PolicyMetrics& m) { return value_of(m.online.latency.p99); }},
      {.key = "added_p50",
       .title = "added p50",
       .of = [](const PolicyMetrics& m) { return value_of(m.online.added.p50); }},
      {.key = "added_p99",
       .title = "added p99",
       .of = [](const PolicyMetrics& m) { return value_of(m.online.added.p99); }},
      {.key = "loss",
       .title = "loss",
       .is_time = false,
       .of = [](const PolicyMetrics& m) { return m.offline ? m.offline->loss : std::nullopt; }},
      {.key = "overhead",
       .title = "overhead",
       .is_time = false,
       .of = [](const PolicyMetrics& m) { return m.offline ? m.offline->overhead : std::nullopt; }},
      {.key = "steady_suspend_p50",
       .title = "suspend p50",
       .of = [](const PolicyMetrics& m) { return value_of(m.preemptions.steady.p50); }},
  };
  return all;
}

Result<BandSummary> band_over_priors(const RunSetup& setup, std::uint32_t draws,
                                     Progress& progress) {
  BandSummary summary{.draws = draws, .seed = setup.scenario.run.seed};
  std::vector<Columns> policies(setup.policies.size());
  progress.phase(fmt::format("band over {} draws", draws));
  std::uint32_t done = 0;
  for (const sim::Values& values : sim::draw_values(setup.model, draws, summary.seed)) {
    progress.update(static_cast<double>(done++) / draws);
    const Result<RunSetup> drawn = on_hardware(setup, setup.model.with(values));
    if (!drawn) {
      summary.refusal = summary.refused == 0 ? drawn.error().what : summary.refusal;
      ++summary.refused;
      continue;
    }
    std::vector<PolicyMetrics> results;
    GPREEMPT_TRY(run_without_engine(drawn->system, [&](const OpenTestbed& open) -> Result<void> {
      return store(results, run_policies(*drawn, open, {}));
    }));
    for (std::size_t i = 0; i < results.size(); ++i) {
      add(results[i], policies.at(i));
    }
  }
  return summarise(setup, std::move(summary), std::move(policies));
}

}  // namespace gpreempt::cli
