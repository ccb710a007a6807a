#include "cli/report/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.h"

namespace gpreempt::report {

tl::unexpected<Error> CsvRows::refuse(std::string_view reason) const {
  return fail(Errc::kParse,
              fmt::format("read {}:{}: {}; write the folder again", file_, line_, reason));
}

Result<CsvRows> CsvRows::open(std::string_view file, std::string_view text,
                              const std::vector<std::string_view>& columns) {
  CsvRows rows;
  rows.file_ = file;
  rows.rest_ = text;
  rows.line_ = 1;
  if (text.empty()) {
    return rows.refuse("the file is empty");
  }
  GPREEMPT_TRY(rows.read_fields());
  rows.titles_ = std::exchange(rows.fields_, {});
  for (const std::string_view column : columns) {
    const auto found = std::ranges::find(rows.titles_, column);
    if (found == rows.titles_.end()) {
      return rows.refuse(fmt::format("there is no column {}", column));
    }
    rows.wanted_.push_back(static_cast<std::size_t>(found - rows.titles_.begin()));
  }
  return rows;
}

Result<void> CsvRows::read_fields() {
  fields_.clear();
  line_ = next_line_;
  std::string field;
  bool is_quoted = false;
  std::size_t i = 0;
  for (; i < rest_.size(); ++i) {
    const char c = rest_[i];
    next_line_ += c == '\n' ? 1 : 0;
    if (c == '"') {
      // Two of them within quotes are one in the text.
      if (is_quoted && i + 1 < rest_.size() && rest_[i + 1] == '"') {
        field += c;
        ++i;
      } else {
        is_quoted = !is_quoted;
      }
    } else if (is_quoted || (c != ',' && c != '\n' && c != '\r')) {
      field += c;
    } else if (c == ',') {
      fields_.push_back(std::exchange(field, {}));
    } else if (c == '\n') {
      ++i;
      break;
    }
  }
  rest_.remove_prefix(i);
  fields_.push_back(std::move(field));
  if (is_quoted) {
    return refuse("a quoted field has no end");
  }
  return {};
}

Result<bool> CsvRows::next() {
  if (rest_.empty()) {
    return false;
  }
  GPREEMPT_TRY(read_fields());
  if (fields_.size() != titles_.size()) {
    return refuse(
        fmt::format("it has {} fields and the table {} columns", fields_.size(), titles_.size()));
  }
  return true;
}

Result<std::int64_t> CsvRows::integer(std::size_t column) const {
  const std::string& field = text(column);
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (status != std::errc{} || end != field.data() + field.size()) {
    return refuse(
        fmt::format("column {}: '{}' is no integer", titles_.at(wanted_.at(column)), field));
  }
  return value;
}

}  // namespace gpreempt::report
