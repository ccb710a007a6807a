#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "study/analysis.h"
#include "study/analysis/choices.h"
#include "study/analysis/conclusions.h"
#include "study/analysis/effects.h"
#include "study/analysis/fragile.h"
#include "study/analysis/interval.h"
#include "study/analysis/samples.h"
#include "study/table.h"

namespace gpreempt::study {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json json_of(const Interval& interval) {
  Json json;
  json["mean"] = number(interval.mean);
  json["lo"] = number(interval.lo);
  json["hi"] = number(interval.hi);
  json["n"] = interval.n;
  return json;
}

/// Writes an analysis' parts; indices become names.
class Writer {
 public:
  explicit Writer(const Analysis& analysis) : analysis_(analysis) {}

  [[nodiscard]] Json whole() const;

 private:
  [[nodiscard]] Json metric(std::size_t index) const { return analysis_.metrics.at(index); }
  [[nodiscard]] Json factor(std::size_t index) const { return analysis_.factors.at(index).name; }
  [[nodiscard]] Json level(std::size_t factor, std::size_t index) const {
    return analysis_.factors.at(factor).levels.at(index);
  }
  [[nodiscard]] Json setting(const Setting& levels) const;
  [[nodiscard]] Json configuration(std::size_t index) const {
    return setting(analysis_.configurations.at(index).setting);
  }
  [[nodiscard]] Json configurations(const std::vector<std::size_t>& indices) const;
  [[nodiscard]] Json factors() const;
  [[nodiscard]] Json limits() const;
  [[nodiscard]] Json points() const;
  [[nodiscard]] Json means() const;
  [[nodiscard]] Json comparison(const Comparison& one) const;
  [[nodiscard]] Json judgement(const Judgement& one) const;
  [[nodiscard]] Json effect(const MainEffect& one) const;
  [[nodiscard]] Json swing(const Swing& one) const;
  [[nodiscard]] Json pareto() const;
  [[nodiscard]] Json choice(const Cheapest& one) const;
  [[nodiscard]] Json fragile(const Fragile& one) const;

  template <class T>
  [[nodiscard]] Json list(const std::vector<T>& all, Json (Writer::*one)(const T&) const) const {
    Json json = Json::array();
    for (const T& element : all) {
      json.push_back((this->*one)(element));
    }
    return json;
  }

  const Analysis& analysis_;
};

Json Writer::setting(const Setting& levels) const {
  Json json = Json::object();
  for (const auto& [factor_index, level_index] : levels) {
    json[analysis_.factors.at(factor_index).name] = level(factor_index, level_index);
  }
  return json;
}

Json Writer::configurations(const std::vector<std::size_t>& indices) const {
  Json json = Json::array();
  for (const std::size_t index : indices) {
    json.push_back(configuration(index));
  }
  return json;
}

Json Writer::factors() const {
  Json json = Json::array();
  for (const Factor& one : analysis_.factors) {
    Json entry;
    entry["name"] = one.name;
    entry["levels"] = one.levels;
    entry["prior"] = one.prior;
    entry["evidence"] = one.evidence.empty() ? Json(nullptr) : Json(one.evidence);
    json.push_back(std::move(entry));
  }
  return json;
}

Json Writer::limits() const {
  Json json = Json::array();
  for (const Limit& one : analysis_.request.limits) {
    Json entry;
    entry["metric"] = one.metric;
    entry["at_most"] = number(one.at_most);
    entry["label"] = one.label;
    entry["required"] = one.is_required;
    json.push_back(std::move(entry));
  }
  return json;
}

Json Writer::points() const {
  Json json = Json::array();
  for (std::size_t point = 0; point < analysis_.points.size(); ++point) {
    Json entry;
    entry["levels"] = Json::object();
    for (std::size_t i = 0; i < analysis_.factors.size(); ++i) {
      entry["levels"][analysis_.factors[i].name] = level(i, analysis_.points[point].levels.at(i));
    }
    const PointSummary& summary = analysis_.summaries.at(point);
    entry["runs"] = summary.runs;
    entry["metrics"] = Json::object();
    for (std::size_t i = 0; i < analysis_.metrics.size(); ++i) {
      entry["metrics"][analysis_.metrics[i]] = json_of(summary.metrics.at(i));
    }
    json.push_back(std::move(entry));
  }
  return json;
}

Json Writer::means() const {
  Json json = Json::array();
  for (std::size_t i = 0; i < analysis_.configurations.size(); ++i) {
    Json entry;
    entry["levels"] = configuration(i);
    entry["metrics"] = Json::object();
    for (std::size_t m = 0; m < analysis_.metrics.size(); ++m) {
      entry["metrics"][analysis_.metrics[m]] = json_of(analysis_.means.at(i).at(m));
    }
    json.push_back(std::move(entry));
  }
  return json;
}

Json Writer::comparison(const Comparison& one) const {
  Json json;
  json["factor"] = one.factor ? factor(*one.factor) : Json(nullptr);
  json["metric"] = metric(one.metric);
  json["a"] = one.factor ? level(*one.factor, one.a) : configuration(one.a);
  json["b"] = one.factor ? level(*one.factor, one.b) : configuration(one.b);
  json["at"] = setting(one.at);
  json["a_mean"] = number(one.a_mean.mean);
  json["b_mean"] = number(one.b_mean.mean);
  json["difference"] = number(one.difference.mean);
  json["lo"] = number(one.difference.lo);
  json["hi"] = number(one.difference.hi);
  json["n"] = one.difference.n;
  json["verdict"] = to_string(one.verdict);
  json["pairs_needed"] = one.pairs_needed ? Json(*one.pairs_needed) : Json(nullptr);
  return json;
}

Json Writer::judgement(const Judgement& one) const {
  const Limit& limit = analysis_.request.limits.at(one.limit);
  Json json;
  json["metric"] = limit.metric;
  json["at_most"] = number(limit.at_most);
  json["levels"] = configuration(one.configuration);
  json["value"] = json_of(one.value);
  json["verdict"] = to_string(one.verdict);
  return json;
}

Json Writer::effect(const MainEffect& one) const {
  Json json;
  json["factor"] = factor(one.factor);
  json["metric"] = metric(one.metric);
  json["range"] = number(one.range);
  json["share_explained"] = one.share_explained ? Json(*one.share_explained) : Json(nullptr);
  json["levels"] = Json::array();
  for (const LevelEffect& at : one.levels) {
    Json entry;
    entry["level"] = level(one.factor, at.level);
    entry["mean"] = json_of(at.mean);
    entry["effect"] = json_of(at.effect);
    json["levels"].push_back(std::move(entry));
  }
  return json;
}

Json Writer::swing(const Swing& one) const {
  Json json;
  json["factor"] = factor(one.factor);
  json["metric"] = metric(one.metric);
  json["evidence"] = analysis_.factors.at(one.factor).evidence;
  json["first"] = json_of(one.at_first);
  json["last"] = json_of(one.at_last);
  json["swing"] = json_of(one.swing);
  json["range"] = number(one.range);
  json["lowest_at"] = level(one.factor, one.low);
  json["highest_at"] = level(one.factor, one.high);
  return json;
}

Json Writer::pareto() const {
  if (!analysis_.pareto) {
    return nullptr;
  }
  const ParetoFront& front = *analysis_.pareto;
  Json json;
  json["x"] = metric(front.x);
  json["y"] = metric(front.y);
  std::vector<std::size_t> on;
  Json all = Json::array();
  for (const FrontPoint& one : front.points) {
    const std::vector<std::size_t>& points = analysis_.configurations.at(one.configuration).points;
    if (one.on != OnFront::kNo) {
      on.insert(on.end(), points.begin(), points.end());
    }
    Json entry;
    entry["levels"] = configuration(one.configuration);
    entry["given"] = setting(analysis_.configurations.at(one.configuration).given);
    entry["points"] = points;
    entry["x"] = json_of(one.x);
    entry["y"] = json_of(one.y);
    entry["on_front"] = to_string(one.on);
    all.push_back(std::move(entry));
  }
  std::ranges::sort(on);
  json["points"] = on;
  json["configurations"] = std::move(all);
  return json;
}

Json Writer::choice(const Cheapest& one) const {
  const Limit& limit = analysis_.request.limits.at(one.limit);
  Json json;
  json["metric"] = limit.metric;
  json["at_most"] = number(limit.at_most);
  json["given"] = setting(one.given);
  json["levels"] = one.configuration ? configuration(*one.configuration) : Json(nullptr);
  json["value"] = one.configuration ? json_of(one.value) : Json(nullptr);
  json["price"] = one.configuration ? json_of(one.price) : Json(nullptr);
  json["ties"] = configurations(one.ties);
  json["may_meet_it"] = configurations(one.possible);
  return json;
}

Json Writer::fragile(const Fragile& one) const {
  Json json;
  const bool is_comparison = one.kind == ConclusionKind::kComparison;
  json["kind"] = is_comparison ? "comparison" : "limit";
  json["conclusion"] = is_comparison ? comparison(analysis_.comparisons.at(one.index))
                                     : judgement(analysis_.judgements.at(one.index));
  const Factor& parameter = analysis_.factors.at(one.parameter);
  json["parameter"] = parameter.name;
  json["evidence"] = parameter.evidence;
  json["level"] = parameter.levels.at(one.level);
  json["there"] = json_of(one.there);
  json["resolved"] = one.is_resolved;
  return json;
}

Json Writer::whole() const {
  const AnalysisRequest& request = analysis_.request;
  Json json;
  json["schema"] = 1;
  json["study"] = request.name;
  json["question"] = request.question;
  json["quick"] = request.quick;
  json["evidence"] = "simulated";
  json["paired"] = request.paired;
  json["confidence"] = request.confidence;
  json["factors"] = factors();
  json["metrics"] = analysis_.metrics;
  json["limits"] = limits();
  json["given"] = request.given;
  json["points"] = points();
  json["configurations"] = means();
  json["comparisons"] = list(analysis_.comparisons, &Writer::comparison);
  json["verdicts"] = list(analysis_.judgements, &Writer::judgement);
  json["main_effects"] = list(analysis_.main_effects, &Writer::effect);
  json["tornado"] = list(analysis_.tornado, &Writer::swing);
  json["pareto"] = pareto();
  json["cheapest"]["cost"] = request.price_metric;
  json["cheapest"]["choices"] = list(analysis_.cheapest, &Writer::choice);
  json["fragile"] = list(analysis_.fragile, &Writer::fragile);
  return json;
}

}  // namespace

std::string analysis_json(const Analysis& analysis) {
  constexpr int kIndent = 2;
  return Writer(analysis).whole().dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gpreempt::study
