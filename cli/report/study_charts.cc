#include "cli/report/study_charts.h"

#include <fmt/format.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "cli/report/document.h"
#include "cli/report/json_view.h"
#include "cli/report/study_view.h"

namespace gpreempt::report {
namespace {

std::string axis_title(const std::string& metric) {
  const AxisUnit unit = axis_unit(metric);
  return unit.name.empty() ? metric : fmt::format("{} ({})", metric, unit.name);
}

/// mean, lo and hi in the axis' unit; null where they are unknown.
Json scaled(const Json& interval, const std::string& metric) {
  const double per_unit = axis_unit(metric).per_unit;
  const auto part = [&](const std::string& pointer) {
    const std::optional<double> value = number_at(interval, pointer);
    return value ? Json(*value / per_unit) : Json(nullptr);
  };
  return {{"value", part("/mean")}, {"lo", part("/lo")}, {"hi", part("/hi")}};
}

Json limits_of(const StudyView& view, const std::string& metric) {
  Json limits = Json::array();
  for (const Json& one : at(view.json(), "/limits")) {
    const std::optional<double> most = number_at(one, "/at_most");
    if (most && at(one, "/metric") == metric) {
      limits.push_back(
          {{"at", *most / axis_unit(metric).per_unit}, {"name", text_at(one, "/label")}});
    }
  }
  return limits;
}

}  // namespace

Chart pareto_chart(const StudyView& view) {
  const Json& pareto = at(view.json(), "/pareto");
  const std::string x = text_at(pareto, "/x");
  const std::string y = text_at(pareto, "/y");
  Json json;
  json["x"] = axis_title(x);
  json["y"] = axis_title(y);
  json["x_limits"] = limits_of(view, x);
  json["y_limits"] = limits_of(view, y);
  json["points"] = Json::array();
  for (const Json& one : at(pareto, "/configurations")) {
    if (!number_at(one, "/x/mean") || !number_at(one, "/y/mean")) {
      continue;
    }
    json["points"].push_back(
        {{"name", view.setting(at(one, "/levels"))},
         {"at", view.setting(at(one, "/given"))},
         {"x", scaled(at(one, "/x"), x)},
         {"y", scaled(at(one, "/y"), y)},
         {"on", text_at(one, "/on_front")},
         {"text", fmt::format("{} {}; {} {}", x, StudyView::value(x, at(one, "/x")).text, y,
                              StudyView::value(y, at(one, "/y")).text)}});
  }
  return {.id = "pareto",
          .kind = "scatter",
          .about =
              "Online latency against Offline's price: filled points are certainly on the "
              "front of those with the same work, ringed ones possibly; a line joins each front; "
              "lower left is better",
          .data = chart_text(json)};
}

Chart effects_chart(const StudyView& view, const std::string& metric, std::size_t index) {
  Json json;
  json["x"] = axis_title(metric);
  json["limits"] = limits_of(view, metric);
  json["rows"] = Json::array();
  for (const Json& one : at(view.json(), "/main_effects")) {
    if (at(one, "/metric") != metric) {
      continue;
    }
    for (const Json& level : at(one, "/levels")) {
      if (number_at(level, "/mean/mean")) {
        Json row = scaled(at(level, "/mean"), metric);
        row["name"] = view.factor(text_at(one, "/factor")) + " " + text_at(level, "/level");
        row["text"] = StudyView::value(metric, at(level, "/mean")).text;
        json["rows"].push_back(std::move(row));
      }
    }
  }
  return {
      .id = fmt::format("effects-{}", index),
      .kind = "intervals",
      .about = fmt::format("{}: the mean at each level, on average over the other factors", metric),
      .data = chart_text(json)};
}

Chart tornado_chart(const StudyView& view, const std::string& metric, std::size_t index) {
  Json json;
  json["x"] = axis_title(metric);
  json["limits"] = limits_of(view, metric);
  json["rows"] = Json::array();
  const double per_unit = axis_unit(metric).per_unit;
  for (const Json& one : at(view.json(), "/tornado")) {
    const std::optional<double> first = number_at(one, "/first/mean");
    const std::optional<double> last = number_at(one, "/last/mean");
    if (at(one, "/metric") == metric && first && last) {
      json["rows"].push_back({{"name", fmt::format("{} ({})", view.factor(text_at(one, "/factor")),
                                                   text_at(one, "/evidence"))},
                              {"from", *first / per_unit},
                              {"to", *last / per_unit},
                              {"text", StudyView::change(metric, at(one, "/swing/mean")).text}});
    }
  }
  return {.id = fmt::format("tornado-{}", index),
          .kind = "tornado",
          .about = fmt::format("{}: from the first to the last level of each model parameter, the "
                               "widest first",
                               metric),
          .data = chart_text(json)};
}

}  // namespace gpreempt::report
