#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "study/analysis/choices.h"
#include "study/analysis/conclusions.h"
#include "study/analysis/effects.h"
#include "study/analysis/fragile.h"
#include "study/analysis/interval.h"
#include "study/analysis/samples.h"
#include "study/table.h"

/// What a study's table says, and how sure that is. No I/O.
namespace gpreempt::study {

/// What the analyses must know besides the table.
struct AnalysisRequest {
  std::string name;
  std::string question;
  bool quick = false;
  bool paired = true;        ///< the same seeds at every point
  double confidence = 0.95;  ///< of every interval
  /// Online's latency and Offline's price: the axes of the Pareto front, and what the cheapest
  /// configuration is looked for in. Empty, or not among the table's metrics: no such analysis.
  std::string latency_metric = "online.latency_ns.p99";
  std::string price_metric = "offline.overhead";
  std::vector<Limit> limits;
};

struct PointSummary {
  std::size_t runs = 0;
  std::vector<Interval> metrics;
};

struct Analysis {
  AnalysisRequest request;
  std::vector<Factor> factors;
  std::vector<std::string> metrics;
  std::vector<Point> points;
  std::vector<PointSummary> summaries;  ///< one a point
  std::vector<Configuration> configurations;
  std::vector<Comparison> comparisons;
  std::vector<Judgement> judgements;
  std::vector<MainEffect> main_effects;
  std::vector<Swing> tornado;
  std::optional<ParetoFront> pareto;
  std::vector<Cheapest> cheapest;
  std::vector<Fragile> fragile;
};

/// Shape: the table's indices are within their bounds and each run has a value for each metric.
[[nodiscard]] Analysis analyse(const Table& table, const AnalysisRequest& request);

/// `analysis.json`, schema 1, keys in a fixed order, two spaces of indent, ends in a newline. What
/// is unknown is null.
[[nodiscard]] std::string analysis_json(const Analysis& analysis);

}  // namespace gpreempt::study
