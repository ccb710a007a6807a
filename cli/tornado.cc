#include "cli/tornado.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/model_draws.h"
#include "backends/sim/model_file.h"
#include "cli/metrics.h"
#include "cli/policy_runs.h"
#include "cli/progress.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/worlds.h"
#include "config/document.h"
#include "config/parameter.h"
#include "core/error.h"
#include "core/stats.h"

namespace gpreempt::cli {
namespace {

constexpr double kLow = 0.05;
constexpr double kHigh = 0.95;
constexpr std::string_view kAreaMoves = "memory.area_moves";

std::optional<std::int64_t> value_of(const std::optional<Quantile>& quantile) {
  return quantile ? std::optional(quantile->value) : std::nullopt;
}

Result<Headline> headline_on(const RunSetup& setup, const sim::GpuParameters& gpu) {
  RunSetup fitted;
  GPREEMPT_TRY(store(fitted, on_hardware(setup, gpu)));
  std::vector<PolicyMetrics> results;
  GPREEMPT_TRY(run_without_engine(fitted.system, [&](const OpenTestbed& open) -> Result<void> {
    return store(results, run_policies(fitted, open, {.offline_alone = false}));
  }));
  const PolicyMetrics& result = results.at(0);
  return Headline{.added_p99 = value_of(result.online.added.p99),
                  .suspend = value_of(result.preemptions.steady.p50)};
}

std::int64_t distance(const std::optional<std::int64_t>& a, const std::optional<std::int64_t>& b) {
  return a && b ? std::abs(*a - *b) : 0;
}

/// Insertion keeps equals in the order of the file.
void sort_by_size(std::vector<Swing>& swings) {
  for (auto each = swings.begin(); each != swings.end(); ++each) {
    const auto place =
        std::upper_bound(swings.begin(), each, *each,
                         [](const Swing& a, const Swing& b) { return a.size() > b.size(); });
    std::rotate(place, each, std::next(each));
  }
}

/// Around `point`; the parameter `fixed` is left alone.
Result<Tornado> tornado_of(const RunSetup& setup, const sim::Model& model, const sim::Values& point,
                           std::optional<std::size_t> fixed, Progress& progress) {
  Tornado tornado;
  GPREEMPT_TRY(store(tornado.point, headline_on(setup, model.with(point))));
  for (std::size_t i = 0; i < point.size(); ++i) {
    progress.update(static_cast<double>(i) / static_cast<double>(point.size()));
    const Parameter& parameter = model.parameters[i];
    if (parameter.distribution == Distribution::kPoint || fixed == i) {
      continue;
    }
    Swing swing{.parameter = i,
                .low_value = parameter.at_quantile(kLow),
                .high_value = parameter.at_quantile(kHigh),
                .low = {},
                .high = {}};
    sim::Values values = point;
    values[i] = swing.low_value;
    GPREEMPT_TRY(store(swing.low, headline_on(setup, model.with(values))));
    values[i] = swing.high_value;
    GPREEMPT_TRY(store(swing.high, headline_on(setup, model.with(values))));
    tornado.swings.push_back(swing);
  }
  sort_by_size(tornado.swings);
  return tornado;
}

}  // namespace

std::int64_t Swing::size() const {
  return std::max(distance(low.added_p99, high.added_p99), distance(low.suspend, high.suspend));
}

Result<Sensitivity> sensitivity_of(const sim::Model& model, Progress& progress) {
  RunOptions options;
  options.scenario = "headline";
  RunSetup setup;
  GPREEMPT_TRY(store(setup, set_up(options)));
  Sensitivity sensitivity;
  progress.phase(fmt::format("sensitivity of {}", model.name));
  sim::Values values = sim::point_values(model);
  GPREEMPT_TRY(
      store(sensitivity.at_values, tornado_of(setup, model, values, std::nullopt, progress)));
  progress.phase(fmt::format("sensitivity of {}, save areas in VRAM", model.name));
  const auto moves = std::ranges::find(model.parameters, kAreaMoves, &Parameter::name);
  GPREEMPT_CHECK(moves != model.parameters.end());
  const auto index = static_cast<std::size_t>(moves - model.parameters.begin());
  values[index] = 0;
  GPREEMPT_TRY(store(sensitivity.in_vram, tornado_of(setup, model, values, index, progress)));
  progress.finish();
  return sensitivity;
}

}  // namespace gpreempt::cli
