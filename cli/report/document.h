#pragma once

#include <string>
#include <vector>

/// What a report says, before it is HTML or Markdown. Every text is plain: renderers escape it.
namespace gpreempt::report {

enum class Tone { kPlain, kGood, kBad, kOpen };

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
  /// The number before rounding, as JSON writes it; empty: there is none.
  std::string exact;
};

struct Column {
  std::string title;
  bool is_number = false;
};

struct DataTable {
  std::string caption;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  ///< as many cells as there are columns
};

/// A picture that the page's scripts draw from `data`, a JSON text. Markdown leaves it out.
struct Chart {
  std::string id;     ///< one word, unique in the document
  std::string kind;   ///< a key of the table in page.js
  std::string about;  ///< for those who do not see it
  std::string data;
};

struct Section {
  std::string title;
  std::string evidence;  ///< label of its numbers; empty: it has none
  std::vector<std::string> notes;
  std::vector<DataTable> tables;
  std::vector<Chart> charts;
  std::vector<std::string> commands;  ///< lines for a shell
};

struct Document {
  std::string title;
  std::vector<std::string> lead;  ///< the answer, a sentence each
  std::vector<Section> sections;
};

/// One self-contained page, which asks the network for nothing.
[[nodiscard]] std::string to_html(const Document& document);

/// GitHub's Markdown, for a step summary: tables that line up, no charts.
[[nodiscard]] std::string to_markdown(const Document& document);

}  // namespace gpreempt::report
