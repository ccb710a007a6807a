#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "cli/report/document.h"
#include "core/error.h"

/// Looking into JSON that somebody may have changed: what is not there, or is of another type, is
/// "-", never a failure.
namespace gpreempt::report {

using Json = nlohmann::ordered_json;

/// A JSON object of `schema` 1. Errors: kParse; `file` is for the text.
[[nodiscard]] Result<Json> read_object(std::string_view file, std::string_view text);

/// What the pointer ("/online/requests") leads to; null if it leads nowhere.
[[nodiscard]] const Json& at(const Json& json, const std::string& pointer);
[[nodiscard]] std::optional<double> number_at(const Json& json, const std::string& pointer);
/// Text as it is, a number as JSON has it, "-" for anything else.
[[nodiscard]] std::string text_at(const Json& json, const std::string& pointer);

[[nodiscard]] Cell time_cell(const Json& nanoseconds);
[[nodiscard]] Cell share_cell(const Json& fraction);
[[nodiscard]] Cell plain_cell(const Json& value);
/// "21.4 ms .. 33.4 ms" of a pair.
[[nodiscard]] Cell time_band_cell(const Json& pair);
/// "met", "MISSED", or "not judged" for null.
[[nodiscard]] Cell verdict_cell(const Json& met);

/// For a chart; no text in it breaks JSON.
[[nodiscard]] std::string chart_text(const Json& json);

}  // namespace gpreempt::report
