#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

struct csv_parser;  // NOLINT(readability-identifier-naming): libcsv's

namespace gpreempt::report {

/// Reads the tables that gpreempt writes, row by row. What RFC 4180 allows is libcsv's business, in
/// its strict mode. The texts must outlive it.
class CsvRows {
 public:
  CsvRows() = default;  ///< no rows
  /// `columns`: those wanted, in the order in which `next` gives them. `file`: for errors.
  /// Errors: kParse (the file is empty, or lacks a column), and those of `next`.
  [[nodiscard]] static Result<CsvRows> open(std::string_view file, std::string_view text,
                                            const std::vector<std::string_view>& columns);

  /// The next row; false at the end. Errors: kParse (file:line: more or fewer fields than titles,
  /// an empty line, a quote where none may be or without its end).
  [[nodiscard]] Result<bool> next();
  [[nodiscard]] const std::string& text(std::size_t column) const {
    return fields_.at(wanted_.at(column));
  }
  /// Errors: kParse (file:line: it is no integer).
  [[nodiscard]] Result<std::int64_t> integer(std::size_t column) const;

 private:
  struct FreeParser {
    void operator()(csv_parser* parser) const;
  };

  CsvRows(std::string_view file, std::string_view text);
  [[nodiscard]] Result<void> read_fields();
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view reason) const;

  std::unique_ptr<csv_parser, FreeParser> parser_;
  std::string_view file_;
  std::string_view rest_;
  std::vector<std::string> titles_;
  std::vector<std::size_t> wanted_;
  std::vector<std::string> fields_;
  std::size_t line_ = 1;  ///< of the row's first character, from 1
  std::size_t next_line_ = 1;
};

}  // namespace gpreempt::report
