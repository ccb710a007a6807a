#include "cli/models_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/model_file.h"
#include "cli/report_text.h"
#include "cli/table.h"
#include "cli/tornado.h"
#include "config/parameter.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kJsonIndent = 2;
constexpr std::string_view kHeadlineNote =
    "scenario headline under suspend; each parameter alone at 5 % and 95 % of its prior";
constexpr std::string_view kVramNote =
    "the same with save areas that stay in the GPU's memory (area_moves = 0)";

/// "1.8TB/s": four digits at most, in the largest decimal unit that it fills.
std::string scaled(double value, std::string_view unit) {
  constexpr std::array<std::string_view, 5> kPrefixes = {"", "k", "M", "G", "T"};
  constexpr double kStep = 1000;
  std::size_t prefix = 0;
  while (std::abs(value) >= kStep && prefix + 1 < kPrefixes.size()) {
    value /= kStep;
    ++prefix;
  }
  return fmt::format("{:.4g}{}{}", value, kPrefixes.at(prefix), unit);
}

std::string prior_text(const Parameter& parameter) {
  std::string text;
  const bool is_choice = parameter.distribution == Distribution::kChoice;
  for (const double value : parameter.range) {
    text += fmt::format("{}{}", text.empty() ? "" : (is_choice ? " | " : " .. "),
                        quantity_text(parameter.quantity, value));
  }
  return text;
}

std::string distribution_text(const Parameter& parameter) {
  return parameter.distribution == Distribution::kPoint
             ? std::string{}
             : std::string(to_string(parameter.distribution));
}

/// How many numbers of `cost` and `memory` rest on which evidence, the most trusted first.
std::map<Evidence, std::size_t> cost_evidence(const sim::Model& model) {
  std::map<Evidence, std::size_t> counts;
  for (const Parameter& parameter : model.parameters) {
    if (parameter.name.starts_with("cost.") || parameter.name.starts_with("memory.")) {
      ++counts[parameter.evidence];
    }
  }
  return counts;
}

std::string cost_evidence_text(const sim::Model& model) {
  std::string text;
  for (const auto& [evidence, count] : cost_evidence(model)) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, to_string(evidence));
  }
  return text;
}

std::string time_text(const std::optional<std::int64_t>& value) {
  return value ? human_time(Duration(*value)) : "-";
}

std::string delta_text(const std::optional<std::int64_t>& value,
                       const std::optional<std::int64_t>& point) {
  if (!value || !point) {
    return "-";
  }
  const std::int64_t delta = *value - *point;
  return fmt::format("{}{}", delta > 0 ? "+" : "", human_time(Duration(delta)));
}

std::string parameters_block(const sim::Model& model) {
  std::vector<std::array<std::string, 5>> rows = {
      {"parameter", "value", "prior", "distribution", "evidence"}};
  for (const Parameter& parameter : model.parameters) {
    rows.push_back({parameter.name, quantity_text(parameter.quantity, parameter.value),
                    prior_text(parameter), distribution_text(parameter),
                    std::string(to_string(parameter.evidence))});
  }
  std::array<std::size_t, 5> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths.at(i) = std::max(widths.at(i), row.at(i).size());
    }
  }
  std::string text;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    text += "  ";
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += fmt::format("{:<{}}  ", rows[row].at(i), widths.at(i));
    }
    text += row == 0 ? std::string("source") : model.parameters[row - 1].source;
    text += "\n";
  }
  return text;
}

std::string tornado_block(const sim::Model& model, const Tornado& tornado) {
  Table table({"parameter", "from", "to", "added p99, low", "high", "suspend, low", "high"});
  for (const Swing& swing : tornado.swings) {
    const Parameter& parameter = model.parameters[swing.parameter];
    table.add_row({parameter.name, quantity_text(parameter.quantity, swing.low_value),
                   quantity_text(parameter.quantity, swing.high_value),
                   delta_text(swing.low.added_p99, tornado.point.added_p99),
                   delta_text(swing.high.added_p99, tornado.point.added_p99),
                   delta_text(swing.low.suspend, tornado.point.suspend),
                   delta_text(swing.high.suspend, tornado.point.suspend)});
  }
  return fmt::format(
             "  at the values of all: Online p99 added {}, suspend of a full GPU {} (no results, "
             "only what the changes below are from)\n",
             time_text(tornado.point.added_p99), time_text(tornado.point.suspend)) +
         table.render(kTableIndent);
}

Json or_null(const std::optional<std::int64_t>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_of(const Headline& headline) {
  Json json;
  json["added_p99_ns"] = or_null(headline.added_p99);
  json["suspend_ns"] = or_null(headline.suspend);
  return json;
}

Json json_of(const sim::Model& model, const Tornado& tornado, std::string_view note) {
  Json json;
  json["note"] = std::string(note);
  json["point"] = json_of(tornado.point);
  json["swings"] = Json::array();
  for (const Swing& swing : tornado.swings) {
    Json each;
    each["name"] = model.parameters[swing.parameter].name;
    each["low_value"] = swing.low_value;
    each["high_value"] = swing.high_value;
    each["low"] = json_of(swing.low);
    each["high"] = json_of(swing.high);
    each["swing_ns"] = swing.size();
    json["swings"].push_back(each);
  }
  return json;
}

Json json_of(const sim::Model& model) {
  Json json;
  json["name"] = model.name;
  json["product"] = model.product;
  json["gfx"] = model.gfx;
  json["cus"] = model.point.cus();
  json["xccs"] = model.point.xccs;
  json["evidence"] = std::string(to_string(model.weakest_cost_evidence()));
  for (const auto& [evidence, count] : cost_evidence(model)) {
    json["costs"][std::string(to_string(evidence))] = count;
  }
  return json;
}

std::string dumped(const Json& json) {
  return json.dump(kJsonIndent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string quantity_text(Quantity quantity, double value) {
  switch (quantity) {
    case Quantity::kDuration: return format_duration(Duration(std::llround(value)));
    case Quantity::kBytes: {
      constexpr double kKib = 1024;
      const bool whole = value >= kKib && std::fmod(value, kKib) == 0;
      return whole ? fmt::format("{:.0f}KiB", value / kKib) : fmt::format("{:.0f}B", value);
    }
    case Quantity::kBandwidth: return scaled(value, "B/s");
    case Quantity::kFrequency: return scaled(value, "Hz");
    case Quantity::kFlops: return scaled(value, "F/s");
    case Quantity::kCount: return fmt::format("{:.0f}", value);
    case Quantity::kNumber: return fmt::format("{:.4g}", value);
  }
  return "invalid";
}

std::string list_text(const std::vector<sim::Model>& models) {
  std::string text = fmt::format("{:<11} {:<42} {:<7} {:>4}  {}\n", "name", "product", "gfx", "CUs",
                                 "evidence of its costs and bandwidths");
  for (const sim::Model& model : models) {
    text += fmt::format("{:<11} {:<42} {:<7} {:>4}  {}\n", model.name, model.product, model.gfx,
                        model.point.cus(), cost_evidence_text(model));
  }
  return text +
         "\nNo cost of preemption has been measured on any of them. `gpreempt models show "
         "NAME` says which matter.\n";
}

std::string list_json(const std::vector<sim::Model>& models) {
  Json json;
  json["schema"] = 1;
  json["models"] = Json::array();
  for (const sim::Model& model : models) {
    json["models"].push_back(json_of(model));
  }
  return dumped(json);
}

std::string model_text(const sim::Model& model, const Sensitivity& sensitivity) {
  return fmt::format("{}: {} ({}), {} CUs on {} XCCs\n\n{}", model.name, model.product, model.gfx,
                     model.point.cus(), model.point.xccs, parameters_block(model)) +
         fmt::format("\nWhat moves the headline: {}\n{}", kHeadlineNote,
                     tornado_block(model, sensitivity.at_values)) +
         fmt::format("\nWhat moves it in VRAM: {}\n{}", kVramNote,
                     tornado_block(model, sensitivity.in_vram));
}

std::string model_json(const sim::Model& model, const Sensitivity& sensitivity) {
  Json json;
  json["schema"] = 1;
  json["model"] = json_of(model);
  json["parameters"] = Json::array();
  for (const Parameter& parameter : model.parameters) {
    Json each;
    each["name"] = parameter.name;
    each["quantity"] = std::string(to_string(parameter.quantity));
    each["value"] = parameter.value;
    each["range"] = parameter.range;
    each["distribution"] = std::string(to_string(parameter.distribution));
    each["evidence"] = std::string(to_string(parameter.evidence));
    each["source"] = parameter.source;
    json["parameters"].push_back(each);
  }
  json["sensitivity"] = json_of(model, sensitivity.at_values, kHeadlineNote);
  json["sensitivity_in_vram"] = json_of(model, sensitivity.in_vram, kVramNote);
  return dumped(json);
}

}  // namespace gpreempt::cli
