#include "study/analysis.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "study/analysis/choices.h"
#include "study/analysis/conclusions.h"
#include "study/analysis/effects.h"
#include "study/analysis/fragile.h"
#include "study/analysis/interval.h"
#include "study/analysis/samples.h"
#include "study/table.h"

namespace gpreempt::study {
namespace {

std::optional<std::size_t> metric_index(const Table& table, const std::string& name) {
  const auto found = std::ranges::find(table.metrics, name);
  if (found == table.metrics.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - table.metrics.begin());
}

std::vector<PointSummary> summarise(const Samples& samples) {
  const Table& table = samples.table();
  std::vector<PointSummary> summaries;
  for (std::size_t point = 0; point < table.points.size(); ++point) {
    PointSummary summary{.runs = samples.runs(point), .metrics = {}};
    for (std::size_t metric = 0; metric < table.metrics.size(); ++metric) {
      summary.metrics.push_back(samples.estimate({{point, 1.0}}, metric));
    }
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

}  // namespace

Analysis analyse(const Table& table, const AnalysisRequest& request) {
  const Samples samples(table, request.paired, request.confidence);
  Analysis analysis;
  analysis.request = request;
  analysis.factors = table.factors;
  analysis.metrics = table.metrics;
  analysis.points = table.points;
  analysis.summaries = summarise(samples);
  analysis.configurations = configurations(table, request.given);
  for (const Configuration& one : analysis.configurations) {
    std::vector<Interval>& means = analysis.means.emplace_back();
    for (std::size_t metric = 0; metric < table.metrics.size(); ++metric) {
      means.push_back(mean_over(samples, one, metric));
    }
  }
  analysis.comparisons = compare(samples);
  analysis.judgements = judge_all(samples, analysis.configurations, request.limits);
  analysis.main_effects = main_effects(samples);
  analysis.tornado = tornado(samples);
  const std::optional<std::size_t> latency = metric_index(table, request.latency_metric);
  const std::optional<std::size_t> price = metric_index(table, request.price_metric);
  if (latency && price) {
    analysis.pareto = pareto_front(samples, analysis.configurations, *latency, *price);
    analysis.cheapest = cheapest(samples, analysis.configurations, request.limits,
                                 analysis.judgements, {.judged = *latency, .cost = *price});
  }
  analysis.fragile = fragile_conclusions(samples, analysis.comparisons, analysis.judgements,
                                         request.limits, analysis.configurations);
  return analysis;
}

}  // namespace gpreempt::study
