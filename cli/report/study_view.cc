#include "cli/report/study_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/report/document.h"
#include "cli/report/json_view.h"
#include "cli/study_quantity.h"
#include "study/analysis/interval.h"

namespace gpreempt::report {
namespace {

double number_or_nan(const Json& json) {
  return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

StudyView::StudyView(const Json& analysis) : analysis_(analysis) {
  std::vector<std::string> names;
  for (const Json& one : at(analysis, "/factors")) {
    names.push_back(text_at(one, "/name"));
    levels_[names.back()] = at(one, "/levels").size();
  }
  const std::vector<std::string> brief = cli::short_names(names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    short_names_[names[i]] = brief.at(i);
  }
}

std::string StudyView::factor(const std::string& name) const {
  const auto found = short_names_.find(name);
  return found == short_names_.end() ? name : found->second;
}

std::string StudyView::setting(const Json& levels) const {
  std::string text;
  for (const auto& [name, level] : levels.items()) {
    const auto known = levels_.find(name);
    if (known == levels_.end() || known->second > 1) {
      text +=
          fmt::format("{}{} {}", text.empty() ? "" : ", ", factor(name), plain_cell(level).text);
    }
  }
  return text;
}

Cell StudyView::value(const std::string& metric, const Json& interval) {
  const study::Interval parsed{
      .mean = number_or_nan(at(interval, "/mean")),
      .lo = number_or_nan(at(interval, "/lo")),
      .hi = number_or_nan(at(interval, "/hi")),
      .n = static_cast<std::size_t>(number_at(interval, "/n").value_or(0))};
  Cell cell{.text = cli::metric_text(metric, parsed)};
  if (at(interval, "/mean").is_number()) {
    cell.exact = at(interval, "/mean").dump();
  }
  return cell;
}

Cell StudyView::change(const std::string& metric, const Json& number) {
  return {.text = cli::metric_change_text(metric, number_or_nan(number)),
          .exact = number.is_number() ? number.dump() : ""};
}

std::string StudyView::limit(const Json& metric, const Json& at_most) const {
  for (const Json& one : at(analysis_, "/limits")) {
    if (at(one, "/metric") == metric && at(one, "/at_most") == at_most) {
      return cli::limit_text(plain_cell(metric).text, text_at(one, "/label"));
    }
  }
  return cli::limit_text(plain_cell(metric).text, plain_cell(at_most).text);
}

std::vector<std::string> StudyView::metrics_of(const Json& list) const {
  std::vector<std::string> metrics;
  for (const Json& metric : at(analysis_, "/metrics")) {
    const auto is_of = [&](const Json& one) { return at(one, "/metric") == metric; };
    if (std::ranges::any_of(list, is_of)) {
      metrics.push_back(plain_cell(metric).text);
    }
  }
  return metrics;
}

AxisUnit axis_unit(std::string_view metric) {
  constexpr double kNsOfAxis = 1e6;
  if (metric.find("_ns") != std::string_view::npos) {
    return {.name = "ms", .per_unit = kNsOfAxis};
  }
  if (metric.find("loss") != std::string_view::npos ||
      metric.find("overhead") != std::string_view::npos) {
    return {.name = "%", .per_unit = 0.01};
  }
  return {};
}

}  // namespace gpreempt::report
