#include "cli/report/json_view.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "cli/report/document.h"
#include "cli/report_text.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::report {
namespace {

const Cell& no_value() {
  static const Cell cell{.text = "-"};
  return cell;
}

}  // namespace

Result<Json> read_object(std::string_view file, std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || at(json, "/schema") != 1) {
    return fail(Errc::kParse,
                fmt::format("make a report of {}: it is no JSON object with \"schema\": 1; write "
                            "the folder again with this version of gpreempt",
                            file));
  }
  return json;
}

const Json& at(const Json& json, const std::string& pointer) {
  static const Json null;
  const Json::json_pointer path(pointer);
  return json.contains(path) ? json[path] : null;
}

std::optional<double> number_at(const Json& json, const std::string& pointer) {
  const Json& value = at(json, pointer);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::string text_at(const Json& json, const std::string& pointer) {
  return plain_cell(at(json, pointer)).text;
}

Cell time_cell(const Json& nanoseconds) {
  if (!nanoseconds.is_number()) {
    return no_value();
  }
  return {.text = cli::human_time(Duration(std::llround(nanoseconds.get<double>()))),
          .exact = nanoseconds.dump()};
}

Cell share_cell(const Json& fraction) {
  if (!fraction.is_number()) {
    return no_value();
  }
  return {.text = fmt::format("{:.2f} %", 100 * fraction.get<double>()), .exact = fraction.dump()};
}

Cell plain_cell(const Json& value) {
  if (value.is_string()) {
    return {.text = value.get<std::string>()};
  }
  if (value.is_number()) {
    return {.text = value.dump(), .exact = value.dump()};
  }
  return no_value();
}

Cell time_band_cell(const Json& pair) {
  if (!pair.is_array() || pair.size() != 2) {
    return no_value();
  }
  return {.text = fmt::format("{} .. {}", time_cell(pair[0]).text, time_cell(pair[1]).text),
          .exact = pair.dump()};
}

Cell verdict_cell(const Json& met) {
  if (!met.is_boolean()) {
    return {.text = "not judged", .tone = Tone::kOpen};
  }
  return met.get<bool>() ? Cell{.text = "met", .tone = Tone::kGood}
                         : Cell{.text = "MISSED", .tone = Tone::kBad};
}

std::string chart_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace gpreempt::report
