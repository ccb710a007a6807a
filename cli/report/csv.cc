#include "cli/report/csv.h"

#include <csv.h>
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
namespace {

/// What libcsv has reported since the row began.
struct RowSoFar {
  std::vector<std::string>& fields;
  bool ended = false;
};

void add_field(void* field, std::size_t size, void* row) {
  static_cast<RowSoFar*>(row)->fields.emplace_back(static_cast<const char*>(field), size);
}

void end_row(int /*character*/, void* row) { static_cast<RowSoFar*>(row)->ended = true; }

/// Blanks belong to their field; libcsv would cut them off.
int is_space(unsigned char /*character*/) { return 0; }

}  // namespace

void CsvRows::FreeParser::operator()(csv_parser* parser) const {
  csv_free(parser);
  delete parser;
}

CsvRows::CsvRows(std::string_view file, std::string_view text)
    : parser_(new csv_parser{}), file_(file), rest_(text) {
  GPREEMPT_CHECK(csv_init(parser_.get(), CSV_STRICT | CSV_STRICT_FINI) == 0);
  csv_set_space_func(parser_.get(), is_space);
}

tl::unexpected<Error> CsvRows::refuse(std::string_view reason) const {
  return fail(Errc::kParse,
              fmt::format("read {}:{}: {}; write the folder again", file_, line_, reason));
}

Result<CsvRows> CsvRows::open(std::string_view file, std::string_view text,
                              const std::vector<std::string_view>& columns) {
  CsvRows rows(file, text);
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
  if (rest_.starts_with('\n') || rest_.starts_with('\r')) {
    return refuse("the line is empty");  // libcsv passes over it
  }
  RowSoFar row{.fields = fields_};
  while (!row.ended && !rest_.empty()) {
    // A line at a time, because libcsv does not say where in the text a row was.
    const std::size_t size = std::min(rest_.find('\n'), rest_.size() - 1) + 1;
    if (csv_parse(parser_.get(), rest_.data(), size, add_field, end_row, &row) != size) {
      return refuse(csv_error(parser_.get()) == CSV_EPARSE
                        ? "a quote stands where none may be; a field with quotes is quoted whole, "
                          "and its own are doubled"
                        : csv_strerror(csv_error(parser_.get())));
    }
    rest_.remove_prefix(size);
    ++next_line_;
  }
  if (!row.ended && csv_fini(parser_.get(), add_field, end_row, &row) != 0) {
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
