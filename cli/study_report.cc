#include "cli/study_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "cli/study_failures.h"
#include "cli/study_quantity.h"
#include "cli/table.h"
#include "study/analysis.h"
#include "study/analysis/choices.h"
#include "study/analysis/conclusions.h"
#include "study/analysis/effects.h"
#include "study/analysis/fragile.h"
#include "study/analysis/interval.h"
#include "study/analysis/samples.h"
#include "study/schedule.h"
#include "study/table.h"

namespace gpreempt::cli {
namespace {

using study::Analysis;

constexpr std::size_t kMostRows = 40;

/// Writes the blocks of one analysis; indices become names.
class Text {
 public:
  explicit Text(const Analysis& analysis);

  [[nodiscard]] std::string head() const;
  [[nodiscard]] std::string configurations() const;
  [[nodiscard]] std::string comparisons() const;
  [[nodiscard]] std::string verdicts() const;
  [[nodiscard]] std::string effects() const;
  [[nodiscard]] std::string tornado() const;
  [[nodiscard]] std::string front() const;
  [[nodiscard]] std::string cheapest() const;
  [[nodiscard]] std::string fragile() const;

 private:
  [[nodiscard]] std::string_view metric(std::size_t index) const {
    return analysis_.metrics.at(index);
  }
  [[nodiscard]] const std::string& level(std::size_t factor, std::size_t index) const {
    return analysis_.factors.at(factor).levels.at(index);
  }
  [[nodiscard]] std::string setting(const study::Setting& levels) const;
  /// "all" where there is only one.
  [[nodiscard]] std::string configuration(std::size_t index) const {
    const std::string text = setting(analysis_.configurations.at(index).setting);
    return text.empty() ? "all" : text;
  }
  /// The work that a configuration has to do; "" where it is the same everywhere.
  [[nodiscard]] std::string work(std::size_t configuration) const {
    return setting(analysis_.configurations.at(configuration).given);
  }
  [[nodiscard]] std::string many(const std::vector<std::size_t>& configurations) const;
  /// `a` or `b` of a comparison.
  [[nodiscard]] std::string side(const study::Comparison& one, std::size_t index) const {
    return one.factor ? level(*one.factor, index) : configuration(index);
  }
  [[nodiscard]] std::string verdict_of(const study::Comparison& one) const;
  [[nodiscard]] std::string conclusion_of(const study::Fragile& one) const;
  [[nodiscard]] std::size_t priors() const;
  /// Those with the same work together, the surest first.
  [[nodiscard]] std::vector<const study::FrontPoint*> by_work_and_place(
      const study::ParetoFront& front) const;
  /// A block with its title, nothing if it has no rows.
  [[nodiscard]] std::string block(std::string_view title, const Table& table,
                                  std::size_t rows) const;

  const Analysis& analysis_;
  std::vector<std::string> factor_names_;
  std::vector<std::string> metric_names_;
};

std::vector<std::string> names_of(const std::vector<study::Factor>& factors) {
  std::vector<std::string> names;
  names.reserve(factors.size());
  for (const study::Factor& factor : factors) {
    names.push_back(factor.name);
  }
  return names;
}

Text::Text(const Analysis& analysis)
    : analysis_(analysis),
      factor_names_(short_names(names_of(analysis.factors))),
      metric_names_(analysis.metrics) {}

std::string Text::setting(const study::Setting& levels) const {
  std::string text;
  for (const auto& [factor, index] : levels) {
    // What never changes tells nothing apart.
    if (analysis_.factors.at(factor).levels.size() > 1) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", factor_names_.at(factor),
                          level(factor, index));
    }
  }
  return text;
}

std::string Text::many(const std::vector<std::size_t>& configurations) const {
  std::string text;
  for (const std::size_t index : configurations) {
    text += (text.empty() ? "" : "; ") + configuration(index);
  }
  return text;
}

std::size_t Text::priors() const {
  return static_cast<std::size_t>(std::ranges::count_if(analysis_.factors, &study::Factor::prior));
}

std::string Text::block(std::string_view title, const Table& table, std::size_t rows) const {
  if (table.empty()) {
    return "";
  }
  const std::string rest =
      rows > kMostRows
          ? fmt::format("  [... {} more: --format json, or analysis.json]\n", rows - kMostRows)
          : "";
  return fmt::format("\n{}\n{}{}", title, table.render(kTableIndent), rest);
}

std::string Text::head() const {
  const study::AnalysisRequest& request = analysis_.request;
  std::string design;
  for (const study::Factor& factor : analysis_.factors) {
    design += fmt::format("{}{}", design.empty() ? "" : " x ", factor.levels.size());
  }
  std::size_t runs = 0;
  for (const study::PointSummary& summary : analysis_.summaries) {
    runs += summary.runs;
  }
  std::string text = fmt::format("study      {}{}\n", request.name,
                                 request.quick ? " (--quick: shorter runs, fewer seeds)" : "");
  if (!request.question.empty()) {
    text += fmt::format("question   {}\n", request.question);
  }
  text += fmt::format("design     {} of {} level{}, {}, seeds {}\n",
                      counted(analysis_.points.size(), "point"), design.empty() ? "1" : design,
                      design.empty() || design == "1" ? "" : "s", counted(runs, "run"),
                      request.paired ? "the same at every point" : "of their own at every point");
  text += fmt::format("intervals  {:g} % (Student's t{})\n", 100 * request.confidence,
                      request.paired ? " of the differences seed by seed" : ", Welch");
  text += "evidence   simulated; every cost is a prior\n";
  return text;
}

std::string Text::configurations() const {
  std::vector<std::string> titles;
  std::vector<std::size_t> shown;
  for (std::size_t factor = 0; factor < analysis_.factors.size(); ++factor) {
    if (!analysis_.factors[factor].prior && analysis_.factors[factor].levels.size() > 1) {
      titles.push_back(factor_names_[factor]);
      shown.push_back(factor);
    }
  }
  if (shown.empty()) {
    titles.emplace_back("");
  }
  titles.insert(titles.end(), metric_names_.begin(), metric_names_.end());
  Table table(titles);
  const study::MeanOfConfigurations& means = analysis_.means;
  const std::size_t rows = analysis_.configurations.size();
  for (std::size_t i = 0; i < std::min(rows, kMostRows); ++i) {
    std::vector<std::string> row;
    for (const auto& [factor, index] : analysis_.configurations[i].setting) {
      if (std::ranges::find(shown, factor) != shown.end()) {
        row.push_back(level(factor, index));
      }
    }
    if (shown.empty()) {
      row.emplace_back("all");
    }
    for (std::size_t m = 0; m < analysis_.metrics.size(); ++m) {
      row.push_back(metric_text(metric(m), means.at(i).at(m)));
    }
    table.add_row(std::move(row));
  }
  return block(priors() > 0 ? "Means, over all levels of the priors" : "Means", table, rows);
}

std::string Text::verdict_of(const study::Comparison& one) const {
  if (one.verdict != study::Verdict::kNotResolvable) {
    return to_string(one.verdict);
  }
  if (!one.difference.has_mean()) {
    return "not resolvable: no pair of samples";
  }
  if (one.difference.n < 2) {
    return "not resolvable with one seed";
  }
  if (one.difference.lo == one.difference.hi) {
    return "not resolvable: every pair is equal";
  }
  return one.pairs_needed
             ? fmt::format("not resolvable; some {} more seeds would probably do",
                           std::max<std::size_t>(1, *one.pairs_needed > one.difference.n
                                                        ? *one.pairs_needed - one.difference.n
                                                        : 1))
             : fmt::format("not resolvable with {} seeds", study::kMostPairs);
}

std::string Text::comparisons() const {
  Table table({"factor", "a", "b", "where", "metric", "b - a", "interval", "b is"});
  const std::size_t rows = analysis_.comparisons.size();
  std::size_t resolved = 0;
  // The study names what it is about first.
  std::vector<const study::Comparison*> by_metric;
  by_metric.reserve(rows);
  for (const study::Comparison& one : analysis_.comparisons) {
    by_metric.push_back(&one);
    resolved += one.verdict == study::Verdict::kNotResolvable ? 0U : 1U;
  }
  std::ranges::sort(by_metric, [](const auto* a, const auto* b) {
    return a->metric != b->metric ? a->metric < b->metric : a < b;  // all are of one vector
  });
  by_metric.resize(std::min(rows, kMostRows));
  for (const study::Comparison* compared : by_metric) {
    const study::Comparison& one = *compared;
    const std::string_view name = metric(one.metric);
    table.add_row({one.factor ? factor_names_.at(*one.factor) : "configuration", side(one, one.a),
                   side(one, one.b), setting(one.at), std::string(name),
                   metric_change_text(name, one.difference.mean),
                   one.difference.is_bounded()
                       ? fmt::format("{} .. {}", metric_change_text(name, one.difference.lo),
                                     metric_change_text(name, one.difference.hi))
                       : "-",
                   verdict_of(one)});
  }
  std::string text = block("Side by side", table, rows);
  if (!text.empty()) {
    text += fmt::format(
        "  {} of {} are resolved; where nothing differs, about {:.0f} would seem so "
        "by chance\n",
        resolved, rows, static_cast<double>(rows) * (1 - analysis_.request.confidence));
  }
  return text;
}

/// A row for each configuration, a column for each limit.
std::string Text::verdicts() const {
  std::vector<std::string> titles = {"configuration"};
  std::map<std::size_t, std::size_t> columns;
  std::map<std::size_t, std::vector<std::string>> cells;
  for (const study::Judgement& one : analysis_.judgements) {
    const auto [column, is_new] = columns.emplace(one.limit, columns.size());
    if (is_new) {
      const study::Limit& limit = analysis_.request.limits.at(one.limit);
      titles.push_back(limit_text(limit.metric, limit.label));
    }
    cells[one.configuration].resize(columns.size(), "-");
    if (one.value.has_mean()) {
      cells[one.configuration][column->second] = to_string(one.verdict);
    }
  }
  Table table(titles);
  std::size_t shown = 0;
  for (auto& [index, row] : cells) {
    if (shown++ < kMostRows) {
      row.resize(columns.size(), "-");
      row.insert(row.begin(), configuration(index));
      table.add_row(std::move(row));
    }
  }
  return block("Against the limits", table, cells.size());
}

std::string Text::effects() const {
  Table table({"factor", "metric", "lowest at", "highest at", "range", "explains"});
  for (const study::MainEffect& one : analysis_.main_effects) {
    if (one.range == 0) {
      continue;
    }
    const auto mean = [](const study::LevelEffect& at) { return at.mean.mean; };
    const auto [least, most] = std::ranges::minmax_element(one.levels, {}, mean);
    table.add_row(
        {factor_names_.at(one.factor), std::string(metric(one.metric)),
         level(one.factor, least->level), level(one.factor, most->level),
         metric_text(metric(one.metric), one.range),
         one.share_explained ? fmt::format("{:.1f} %", 100 * *one.share_explained) : "-"});
  }
  return block("Main effects: each factor alone, on average over the others", table, 0);
}

std::string Text::tornado() const {
  Table table({"parameter", "evidence", "metric", "from", "to", "swing", "range"});
  for (const study::Swing& one : analysis_.tornado) {
    if (one.range == 0) {
      continue;
    }
    const study::Factor& parameter = analysis_.factors.at(one.factor);
    const std::string_view name = metric(one.metric);
    table.add_row({factor_names_.at(one.factor), parameter.evidence, std::string(name),
                   parameter.levels.front(), parameter.levels.back(),
                   metric_change_text(name, one.swing.mean), metric_text(name, one.range)});
  }
  return block("Model parameters over their stated ranges, the widest first", table, 0);
}

std::string Text::front() const {
  if (!analysis_.pareto) {
    return "";
  }
  const study::ParetoFront& front = *analysis_.pareto;
  const auto has_work = [this](const study::FrontPoint& one) {
    return !work(one.configuration).empty();
  };
  const bool by_work = std::ranges::any_of(front.points, has_work);
  std::vector<std::string> titles = {"configuration", std::string(metric(front.x)),
                                     std::string(metric(front.y)), "on the front"};
  if (by_work) {
    titles.insert(titles.begin(), "at");
  }
  Table table(titles);
  for (const study::FrontPoint* one : by_work_and_place(front)) {
    std::vector<std::string> row = {configuration(one->configuration),
                                    metric_text(metric(front.x), one->x),
                                    metric_text(metric(front.y), one->y), to_string(one->on)};
    if (by_work) {
      row.insert(row.begin(), work(one->configuration));
    }
    table.add_row(std::move(row));
  }
  return block(pareto_title(by_work), table, 0);
}

std::vector<const study::FrontPoint*> Text::by_work_and_place(
    const study::ParetoFront& front) const {
  std::vector<const study::FrontPoint*> points;
  points.reserve(front.points.size());
  for (const study::FrontPoint& one : front.points) {
    points.push_back(&one);
  }
  // All are in one array, so that the address keeps their order.
  std::ranges::sort(points, {}, [this](const study::FrontPoint* one) {
    return std::tuple(analysis_.configurations.at(one->configuration).given, one->on, one);
  });
  return points;
}

std::string Text::cheapest() const {
  std::string text;
  for (const study::Cheapest& one : analysis_.cheapest) {
    const study::Limit& limit = analysis_.request.limits.at(one.limit);
    const std::string given = setting(one.given);
    text += fmt::format("  {}{}{}: ", limit_text(limit.metric, limit.label),
                        given.empty() ? "" : " at ", given);
    if (one.configuration) {
      text += fmt::format("{}; {} {}\n", configuration(*one.configuration), metric(one.cost),
                          metric_text(metric(one.cost), one.price));
    } else {
      text += "none certainly\n";
    }
    if (!one.ties.empty()) {
      text += fmt::format("    may cost as little: {}\n", many(one.ties));
    }
    if (!one.possible.empty()) {
      text += fmt::format("    may or may not meet it: {}\n", many(one.possible));
    }
  }
  return text.empty() ? "" : "\nCheapest configuration that certainly meets a limit\n" + text;
}

std::string Text::conclusion_of(const study::Fragile& one) const {
  if (one.kind == study::ConclusionKind::kLimit) {
    const study::Judgement& judged = analysis_.judgements.at(one.index);
    const study::Limit& limit = analysis_.request.limits.at(judged.limit);
    return fmt::format("{}: {} is {}", configuration(judged.configuration),
                       limit_text(limit.metric, limit.label), to_string(judged.verdict));
  }
  const study::Comparison& compared = analysis_.comparisons.at(one.index);
  const std::string at = setting(compared.at);
  return fmt::format("{}{} against {}{}{}: {} is {}",
                     compared.factor ? factor_names_.at(*compared.factor) + " " : "",
                     side(compared, compared.b), side(compared, compared.a),
                     at.empty() ? "" : " at ", at, metric(compared.metric),
                     to_string(compared.verdict));
}

std::string Text::fragile() const {
  if (priors() == 0) {
    return "\nWhat hangs on a guess: unknown, no model parameter was varied\n";
  }
  if (analysis_.fragile.empty()) {
    return "\nWhat hangs on a guess: no conclusion changes over the parameters that were varied\n";
  }
  Table table({"conclusion", "flips at", "evidence", "there", ""});
  const std::size_t rows = analysis_.fragile.size();
  for (std::size_t i = 0; i < std::min(rows, kMostRows); ++i) {
    const study::Fragile& one = analysis_.fragile[i];
    const std::size_t index = one.kind == study::ConclusionKind::kLimit
                                  ? analysis_.judgements.at(one.index).metric
                                  : analysis_.comparisons.at(one.index).metric;
    table.add_row(
        {conclusion_of(one),
         fmt::format("{} {}", factor_names_.at(one.parameter), level(one.parameter, one.level)),
         analysis_.factors.at(one.parameter).evidence, metric_text(metric(index), one.there),
         one.is_resolved ? "for sure" : "perhaps"});
  }
  return block("What hangs on a guess", table, rows);
}

}  // namespace

std::string analysis_text(const Analysis& analysis) {
  const Text text(analysis);
  return text.head() + text.configurations() + text.comparisons() + text.verdicts() +
         text.effects() + text.tornado() + text.front() + text.cheapest() + text.fragile();
}

std::string study_text(const Analysis& analysis, const std::vector<study::Row>& rows) {
  const std::string failures = failures_text(rows);
  std::string text = analysis_text(analysis);
  if (failures.empty()) {
    return text;
  }
  const bool is_all =
      std::ranges::none_of(rows, [](const study::Row& row) { return row.error.empty(); });
  return is_all ? failures + "\n" + text : text + "\n" + failures;
}

}  // namespace gpreempt::cli
