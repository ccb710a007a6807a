#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/report/document.h"

namespace gpreempt::report {
namespace {

/// In which no character of the text is markup. A table's cell must not hold a line break.
std::string plain(std::string_view text) {
  constexpr std::string_view kMarkup = R"(\`*_[]<>|~#&)";
  std::string escaped;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      escaped += ' ';
    } else {
      if (kMarkup.find(c) != std::string_view::npos) {
        escaped += '\\';
      }
      escaped += c;
    }
  }
  return escaped;
}

std::string cell_text(const Cell& cell) {
  const std::string text = plain(cell.text);
  return cell.tone == Tone::kBad && !text.empty() ? "**" + text + "**" : text;
}

/// Code points, which is what lines up in a fixed pitch.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

class MarkdownTable {
 public:
  explicit MarkdownTable(const DataTable& table) : table_(table) {
    std::vector<std::string> titles;
    titles.reserve(table.columns.size());
    for (const Column& column : table.columns) {
      titles.push_back(plain(column.title));
    }
    lines_.push_back(titles);
    for (const std::vector<Cell>& row : table.rows) {
      std::vector<std::string>& line = lines_.emplace_back();
      for (const Cell& cell : row) {
        line.push_back(cell_text(cell));
      }
    }
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      std::size_t widest = 3;  // of the line of dashes
      for (const std::vector<std::string>& line : lines_) {
        widest = std::max(widest, width_of(line.at(i)));
      }
      widths_.push_back(widest);
    }
  }

  [[nodiscard]] std::string render() const {
    std::string text = row(lines_.front());
    text += '|';
    for (std::size_t i = 0; i < widths_.size(); ++i) {
      const bool is_number = table_.columns[i].is_number;
      text += ' ' + std::string(widths_[i] - (is_number ? 1 : 0), '-') + (is_number ? ": |" : " |");
    }
    text += '\n';
    for (std::size_t i = 1; i < lines_.size(); ++i) {
      text += row(lines_[i]);
    }
    return text;
  }

 private:
  [[nodiscard]] std::string row(const std::vector<std::string>& cells) const {
    std::string text = "|";
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string gap(widths_[i] - width_of(cells[i]), ' ');
      text += ' ' + (table_.columns[i].is_number ? gap + cells[i] : cells[i] + gap) + " |";
    }
    return text + '\n';
  }

  const DataTable& table_;
  std::vector<std::vector<std::string>> lines_;  ///< the titles first
  std::vector<std::size_t> widths_;
};

/// A line of code, fenced by more backticks than it holds.
std::string code_block(const std::vector<std::string>& lines) {
  std::string fence = "```";
  std::string body;
  for (const std::string& line : lines) {
    while (line.find(fence) != std::string::npos) {
      fence += '`';
    }
    body += line + '\n';
  }
  return fence + "sh\n" + body + fence + "\n";
}

std::string section_text(const Section& section) {
  std::string text = "\n## " + plain(section.title) + "\n";
  if (!section.evidence.empty()) {
    text += "\nEvidence: " + plain(section.evidence) + ".\n";
  }
  for (const std::string& note : section.notes) {
    text += "\n" + plain(note) + "\n";
  }
  for (const DataTable& table : section.tables) {
    if (!table.caption.empty()) {
      text += "\n" + plain(table.caption) + ":\n";
    }
    text += "\n" + MarkdownTable(table).render();
  }
  if (!section.commands.empty()) {
    text += "\n" + code_block(section.commands);
  }
  return text;
}

}  // namespace

std::string to_markdown(const Document& document) {
  std::string text = "# " + plain(document.title) + "\n";
  for (const std::string& sentence : document.lead) {
    text += "\n" + plain(sentence) + "\n";
  }
  for (const Section& section : document.sections) {
    // A section of pictures only has nothing to say here.
    if (!section.notes.empty() || !section.tables.empty() || !section.commands.empty()) {
      text += section_text(section);
    }
  }
  return text;
}

}  // namespace gpreempt::report
