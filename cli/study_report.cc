#include "cli/study_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "cli/report_text.h"
#include "cli/table.h"
#include "core/time.h"
#include "study/analysis.h"
#include "study/schedule.h"

namespace gpreempt::cli {
namespace {

constexpr std::size_t kMostRows = 40;  ///< of a block; all of them are in the files

/// A metric's value as people read it.
std::string shown(const std::string& metric, double value) {
  if (std::isnan(value)) {
    return "-";
  }
  if (metric.find("_ns") != std::string::npos) {
    const Duration time(std::llround(std::abs(value)));
    return (value < 0 ? "-" : "") + human_time(time);
  }
  if (metric.find("loss") != std::string::npos || metric.find("overhead") != std::string::npos) {
    return fmt::format("{:.2f} %", 100 * value);
  }
  return fmt::format("{:.6g}", value);
}

std::string range_of(const std::string& metric, double lo, double hi) {
  return std::isnan(lo) || std::isnan(hi)
             ? "one sample"
             : fmt::format("{} .. {}", shown(metric, lo), shown(metric, hi));
}

std::string block(const std::string& title, const Table& table, std::size_t left_out) {
  if (table.empty()) {
    return {};
  }
  const std::string rest =
      left_out == 0 ? "" : fmt::format("  {} more in analysis.json and runs.csv\n", left_out);
  return fmt::format("\n{}\n{}{}", title, table.render(kTableIndent), rest);
}

std::size_t over(std::size_t count) { return count > kMostRows ? count - kMostRows : 0; }

class Report {
 public:
  explicit Report(const study::Analysis& analysis) : analysis_(analysis) {}

  [[nodiscard]] std::string points() const {
    std::vector<std::string> titles;
    for (const study::Factor& factor : analysis_.factors) {
      titles.push_back(factor.name);
    }
    titles.emplace_back("runs");
    for (const std::string& metric : analysis_.metrics) {
      titles.push_back(metric);
      titles.push_back(percent() + " interval");
    }
    Table table(std::move(titles));
    for (std::size_t i = 0; i < std::min(kMostRows, analysis_.points.size()); ++i) {
      table.add_row(point(i));
    }
    return block("Points, mean over seeds", table, over(analysis_.points.size()));
  }

  [[nodiscard]] std::string comparisons() const {
    Table table(
        {"factor", "at", "metric", "from", "to", "difference", percent() + " interval", "verdict"});
    for (std::size_t i = 0; i < std::min(kMostRows, analysis_.comparisons.size()); ++i) {
      const study::Comparison& one = analysis_.comparisons[i];
      const std::string& metric = analysis_.metrics.at(one.metric);
      std::string verdict = to_string(one.verdict);
      if (one.pairs_needed) {
        verdict += fmt::format(" (about {} pairs would do)", *one.pairs_needed);
      }
      table.add_row({analysis_.factors.at(one.factor).name, setting(one.at), metric,
                     level(one.factor, one.a), level(one.factor, one.b),
                     shown(metric, one.difference.mean),
                     range_of(metric, one.difference.lo, one.difference.hi), verdict});
    }
    return block("Side by side", table, over(analysis_.comparisons.size()));
  }

  [[nodiscard]] std::string effects() const {
    Table table({"factor", "metric", "moves it by", "explains"});
    for (const study::MainEffect& one : analysis_.main_effects) {
      const std::string& metric = analysis_.metrics.at(one.metric);
      table.add_row(
          {analysis_.factors.at(one.factor).name, metric, shown(metric, one.range),
           one.share_explained ? fmt::format("{:.0f} %", 100 * *one.share_explained) : "-"});
    }
    return block("What moves the metrics, on average over all else", table, 0);
  }

  [[nodiscard]] std::string choices() const {
    std::string text;
    for (const study::Cheapest& one : analysis_.cheapest) {
      const study::Limit& limit = analysis_.request.limits.at(one.limit);
      if (!one.configuration) {
        text += fmt::format("  {}: none certainly meets it, {} may\n", limit.label,
                            one.possible.size());
        continue;
      }
      const std::string& cost = analysis_.metrics.at(one.cost);
      text += fmt::format("  {}: {}, at {} {}\n", limit.label,
                          setting(analysis_.configurations.at(*one.configuration).setting), cost,
                          shown(cost, one.price.mean));
    }
    return text.empty() ? text : "\nCheapest that meets a limit\n" + text;
  }

  [[nodiscard]] std::string fragile() const {
    std::string text;
    for (std::size_t i = 0; i < std::min(kMostRows, analysis_.fragile.size()); ++i) {
      const study::Fragile& one = analysis_.fragile[i];
      const study::Factor& parameter = analysis_.factors.at(one.parameter);
      const bool compares = one.kind == study::ConclusionKind::kComparison;
      text += fmt::format("  {} {}: flips at {} = {} (evidence: {}){}\n",
                          compares ? "comparison" : "limit", one.index + 1, parameter.name,
                          parameter.levels.at(one.level), parameter.evidence,
                          one.is_resolved ? "" : ", not resolvable there");
    }
    return text.empty() ? text : "\nConclusions that hang on a parameter's prior\n" + text;
  }

 private:
  [[nodiscard]] std::string percent() const {
    return fmt::format("{:g} %", 100 * analysis_.request.confidence);
  }
  [[nodiscard]] const std::string& level(std::size_t factor, std::size_t index) const {
    return analysis_.factors.at(factor).levels.at(index);
  }
  [[nodiscard]] std::string setting(const study::Setting& at) const {
    std::string text;
    for (const auto& [factor, index] : at) {
      text += fmt::format("{}{}={}", text.empty() ? "" : ", ", analysis_.factors.at(factor).name,
                          level(factor, index));
    }
    return text;
  }
  [[nodiscard]] std::vector<std::string> point(std::size_t index) const {
    std::vector<std::string> cells;
    for (std::size_t factor = 0; factor < analysis_.factors.size(); ++factor) {
      cells.push_back(level(factor, analysis_.points[index].levels.at(factor)));
    }
    const study::PointSummary& summary = analysis_.summaries.at(index);
    cells.push_back(fmt::format("{}", summary.runs));
    for (std::size_t i = 0; i < analysis_.metrics.size(); ++i) {
      const study::Interval& interval = summary.metrics.at(i);
      cells.push_back(shown(analysis_.metrics[i], interval.mean));
      cells.push_back(interval.has_mean() ? range_of(analysis_.metrics[i], interval.lo, interval.hi)
                                          : "no sample");
    }
    return cells;
  }

  const study::Analysis& analysis_;
};

}  // namespace

std::string study_text(const study::Analysis& analysis, const std::vector<study::Row>& rows) {
  const study::AnalysisRequest& request = analysis.request;
  std::string text = fmt::format(
      "study      {}{}: {}\nevidence   simulated; every cost is a prior\nruns       {} "
      "at {} points, {} seeds\n",
      request.name, request.quick ? " (quick)" : "", request.question, rows.size(),
      analysis.points.size(), request.paired ? "paired" : "separate");
  const Report report(analysis);
  text += report.points() + report.comparisons() + report.effects() + report.choices() +
          report.fragile();
  std::string failures;
  std::size_t failed = 0;
  for (const study::Row& row : rows) {
    if (!row.error.empty() && ++failed <= kMostRows) {
      failures += fmt::format("  point {}, seed {}: {}\n", row.point, row.seed, row.error);
    }
  }
  if (failed > 0) {
    text += fmt::format("\n{} runs failed\n{}", failed, failures);
  }
  return text;
}

}  // namespace gpreempt::cli
