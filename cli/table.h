#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace gpreempt::cli {

inline constexpr std::size_t kTableIndent = 2;

/// Text in columns that line up: the first one to the left, the others to the right. A column in
/// which every cell is empty is left out.
class Table {
 public:
  explicit Table(std::vector<std::string> titles);

  /// Shape: as many cells as there are titles.
  void add_row(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// Every line begins with `indent` spaces and ends in a newline, without spaces before it.
  [[nodiscard]] std::string render(std::size_t indent) const;

 private:
  std::vector<std::string> titles_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace gpreempt::cli
