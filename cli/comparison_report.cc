#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/comparison.h"
#include "cli/report_text.h"
#include "cli/table.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

std::string value_text(const std::optional<double>& value, Measure measure) {
  if (!value) {
    return "-";
  }
  switch (measure) {
    case Measure::kTime: return human_time(Duration(std::llround(*value)));
    case Measure::kFraction: return fmt::format("{:.2f} %", 100 * *value);
    case Measure::kCount: return fmt::format("{:.0f}", *value);
  }
  return "-";
}

std::string change_text(const ComparedRow& row) {
  if (!row.left || !row.right) {
    return "-";
  }
  const double change = *row.right - *row.left;
  return fmt::format("{}{}", change > 0 ? "+" : "", value_text(change, row.measure));
}

nlohmann::ordered_json or_null(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

/// Times and counts are whole numbers.
nlohmann::ordered_json value_json(const std::optional<double>& value, Measure measure) {
  if (value && measure != Measure::kFraction) {
    return std::llround(*value);
  }
  return or_null(value);
}

}  // namespace

std::string comparison_text(const Comparison& comparison) {
  std::string text = fmt::format("A  {}\nB  {}\n", comparison.left, comparison.right);
  for (const std::string& note : comparison.notes) {
    text += fmt::format("note: {}\n", note);
  }
  for (const ComparedPolicy& policy : comparison.policies) {
    const std::string title = policy.left == policy.right
                                  ? policy.left
                                  : fmt::format("{} (A) and {} (B)", policy.left, policy.right);
    Table table({"", "A", "B", "B - A", "B / A"});
    for (const ComparedRow& row : policy.rows) {
      const std::optional<double> ratio = row.ratio();
      table.add_row({std::string(row.metric), value_text(row.left, row.measure),
                     value_text(row.right, row.measure), change_text(row),
                     ratio ? fmt::format("{:.3f}", *ratio) : "-"});
    }
    text += fmt::format("\n{}\n{}", title, table.render(kTableIndent));
  }
  return text;
}

std::string comparison_json(const Comparison& comparison) {
  nlohmann::ordered_json json;
  json["schema"] = 1;
  json["a"] = comparison.left;
  json["b"] = comparison.right;
  json["notes"] = comparison.notes;
  json["policies"] = nlohmann::ordered_json::array();
  for (const ComparedPolicy& policy : comparison.policies) {
    nlohmann::ordered_json each;
    each["a"] = policy.left;
    each["b"] = policy.right;
    each["rows"] = nlohmann::ordered_json::array();
    for (const ComparedRow& row : policy.rows) {
      nlohmann::ordered_json line;
      line["metric"] = std::string(row.metric);
      line["unit"] = row.measure == Measure::kTime       ? "ns"
                     : row.measure == Measure::kFraction ? "fraction"
                                                         : "count";
      line["a"] = value_json(row.left, row.measure);
      line["b"] = value_json(row.right, row.measure);
      line["ratio"] = or_null(row.ratio());
      each["rows"].push_back(line);
    }
    json["policies"].push_back(each);
  }
  constexpr int kJsonIndent = 2;
  return json.dump(kJsonIndent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace gpreempt::cli
