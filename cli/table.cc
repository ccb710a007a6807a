#include "cli/table.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

namespace gpreempt::cli {
namespace {

constexpr std::size_t kGap = 2;

std::size_t width_of(std::string_view text) {
  // UTF-8: continuation bytes take no column.
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

void put_cell(std::string& line, std::string_view cell, std::size_t width, bool left) {
  const std::string padding(width - width_of(cell), ' ');
  line += left ? "" : padding;
  line += cell;
  line += left ? padding : "";
}

}  // namespace

Table::Table(std::vector<std::string> titles) : titles_(std::move(titles)) {}

void Table::add_row(std::vector<std::string> cells) {
  GPREEMPT_CHECK(cells.size() == titles_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::render(std::size_t indent) const {
  std::vector<std::size_t> widths(titles_.size());
  for (std::size_t column = 0; column < titles_.size(); ++column) {
    for (const std::vector<std::string>& row : rows_) {
      widths[column] = std::max(widths[column], width_of(row[column]));
    }
    if (widths[column] != 0) {
      widths[column] = std::max(widths[column], width_of(titles_[column]));
    }
  }
  std::string text;
  const auto put_line = [&](const std::vector<std::string>& cells) {
    std::string line(indent, ' ');
    for (std::size_t column = 0; column < cells.size(); ++column) {
      if (widths[column] != 0) {
        line += column == 0 ? "" : std::string(kGap, ' ');
        put_cell(line, cells[column], widths[column], column == 0);
      }
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  put_line(titles_);
  for (const std::vector<std::string>& row : rows_) {
    put_line(row);
  }
  return text;
}

}  // namespace gpreempt::cli
