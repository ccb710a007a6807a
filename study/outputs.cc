#include "study/outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/override.h"
#include "core/error.h"
#include "study/plan.h"
#include "study/schedule.h"
#include "study/table.h"

namespace gpreempt::study {
namespace {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) {
    return text;
  }
  std::string field(1, '"');
  for (const char c : text) {
    field.append(c == '"' ? 2 : 1, c);
  }
  field += '"';
  return field;
}

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) {
    if (!line.empty()) {
      line += ',';
    }
    line += csv_field(field);
  }
  line += '\n';
  return line;
}

}  // namespace

std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain = "_@%+=:,./-";
  const bool is_plain = !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kPlain.find(c) != std::string_view::npos;
  });
  if (is_plain) {
    return text;
  }
  std::string word(1, '\'');
  for (const char c : text) {
    if (c == '\'') {
      word += R"('\'')";
    } else {
      word += c;
    }
  }
  word += '\'';
  return word;
}

std::string redo_command(const Redo& redo, const Plan& plan, const Row& row) {
  std::string command = fmt::format("gpreempt run {}", shell_word(redo.scenario));
  for (const Override& one : plan.overrides_of(row.point)) {
    GPREEMPT_CHECK(one.value.has_value());
    command += fmt::format(
        " --set {}", shell_word(fmt::format("{}={}", join_path(one.path), one.value->argument())));
  }
  for (const std::string& trace : redo.traces) {
    command += fmt::format(" --trace {}", shell_word(trace));
  }
  command += fmt::format(" --seed {}", row.seed);
  return command;
}

Table table_of(const Plan& plan, const std::vector<Row>& rows) {
  Table table = plan.table;
  for (const Row& row : rows) {
    if (row.error.empty()) {
      table.runs.push_back({.point = row.point, .seed = row.seed, .values = row.values});
    }
  }
  return table;
}

std::string number_text(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

std::string runs_csv(const Plan& plan, const std::vector<Row>& rows, const Redo& redo) {
  std::vector<std::string> fields{"point", "seed"};
  for (const Factor& factor : plan.table.factors) {
    fields.push_back(factor.name);
  }
  fields.insert(fields.end(), plan.table.metrics.begin(), plan.table.metrics.end());
  fields.insert(fields.end(), {"error", "command"});
  std::string csv = csv_line(fields);
  for (const Row& row : rows) {
    fields = {fmt::format("{}", row.point), fmt::format("{}", row.seed)};
    const std::vector<std::size_t>& levels = plan.table.points.at(row.point).levels;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      fields.push_back(plan.table.factors[i].levels.at(levels[i]));
    }
    for (std::size_t i = 0; i < plan.table.metrics.size(); ++i) {
      fields.push_back(i < row.values.size() ? number_text(row.values[i]) : "");
    }
    fields.insert(fields.end(), {row.error, redo_command(redo, plan, row)});
    csv += csv_line(fields);
  }
  return csv;
}

}  // namespace gpreempt::study
