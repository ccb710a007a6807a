#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "experiments/poc_report.h"

namespace gpreempt::experiments {
namespace {

double longest_bar(const PocBars& bars) {
  double longest = 0;
  for (const PocBars::Bar& bar : bars.bars) {
    longest = std::max(longest, bar.length);
  }
  return longest > 0 ? longest : 1;
}

/// What Markdown would read as its own, and what would end a table's cell.
std::string escape_markdown(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      escaped += ' ';
      continue;
    }
    if (c == '|' || c == '<' || c == '*' || c == '_' || c == '[' || c == '\\') {
      escaped += '\\';
    }
    escaped += c;
  }
  return escaped;
}

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

struct MarkdownBlock {
  std::string operator()(const PocText& text) const {
    const std::string label = text.label.empty() ? "" : fmt::format(" ({})", text.label);
    return fmt::format("{}{}\n\n", escape_markdown(text.text), label);
  }
  std::string operator()(const PocTable& table) const {
    std::string out = row(table.titles);
    out += "|";
    for (std::size_t i = 0; i < table.titles.size(); ++i) {
      out += "---|";
    }
    out += "\n";
    for (const std::vector<std::string>& cells : table.rows) {
      out += row(cells);
    }
    return out + "\n";
  }
  std::string operator()(const PocBars& bars) const {
    constexpr double kColumns = 50;
    std::size_t width = 0;
    for (const PocBars::Bar& bar : bars.bars) {
      width = std::max(width, bar.name.size());
    }
    std::string out = fmt::format("{} ({})\n\n```text\n", escape_markdown(bars.title), bars.label);
    for (const PocBars::Bar& bar : bars.bars) {
      const auto length =
          static_cast<std::size_t>(std::lround(bar.length / longest_bar(bars) * kColumns));
      out += fmt::format("{:>{}} {} {}\n", bar.name, width, std::string(length, '#'), bar.text);
    }
    return out + "```\n\n";
  }

 private:
  static std::string row(const std::vector<std::string>& cells) {
    std::string out = "|";
    for (const std::string& cell : cells) {
      out += fmt::format(" {} |", escape_markdown(cell));
    }
    return out + "\n";
  }
};

struct HtmlBlock {
  std::string operator()(const PocText& text) const {
    return fmt::format("<p>{}{}</p>\n", escape_html(text.text), badge(text.label));
  }
  std::string operator()(const PocTable& table) const {
    std::string out = "<div class=\"wide\"><table><tr>";
    for (const std::string& title : table.titles) {
      out += fmt::format("<th>{}</th>", escape_html(title));
    }
    out += "</tr>\n";
    for (const std::vector<std::string>& cells : table.rows) {
      out += "<tr>";
      for (const std::string& cell : cells) {
        out += fmt::format("<td>{}</td>", escape_html(cell));
      }
      out += "</tr>\n";
    }
    return out + "</table></div>\n";
  }
  std::string operator()(const PocBars& bars) const {
    constexpr int kRow = 18;
    constexpr double kWidth = 400;
    constexpr int kBegin = 200;
    std::string out = fmt::format(
        "<figure><figcaption>{}{}</figcaption>\n<svg viewBox=\"0 0 760 {}\" role=\"img\" "
        "aria-label=\"{}\">\n",
        escape_html(bars.title), badge(bars.label), kRow * static_cast<int>(bars.bars.size()),
        escape_html(bars.title));
    int y = 0;
    for (const PocBars::Bar& bar : bars.bars) {
      const double width = bar.length / longest_bar(bars) * kWidth;
      out += fmt::format(
          "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text><rect x=\"{}\" y=\"{}\" "
          "width=\"{:.1f}\" height=\"12\"/><text x=\"{:.1f}\" y=\"{}\">{}</text>\n",
          kBegin - 8, y + 13, escape_html(bar.name), kBegin, y + 3, width, kBegin + width + 8,
          y + 13, escape_html(bar.text));
      y += kRow;
    }
    return out + "</svg></figure>\n";
  }

 private:
  static std::string badge(const std::string& label) {
    return label.empty() ? std::string()
                         : fmt::format(" <span class=\"{}\">{}</span>", label, label);
  }
};

constexpr std::string_view kPageHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222;background:#fff}
table{border-collapse:collapse;font-size:13px}td,th{border:1px solid #ccc;padding:3px 8px;text-align:left;vertical-align:top}
.wide{overflow-x:auto}figure{margin:1.5em 0}figcaption{font-weight:600}svg{width:100%;max-width:760px;font:11px system-ui,sans-serif}
rect{fill:#3b6ea5}span{font-size:12px;padding:1px 6px;border-radius:3px;background:#eee}
.measured{background:#cfe8cf}.simulated{background:#d6e4f5}.assumed{background:#f7e3bd}.missing{background:#f5cfcf}
</style>
)";

}  // namespace

std::string poc_markdown(const PocReport& report) {
  std::string out = fmt::format("# {}\n\n", escape_markdown(report.title));
  for (const PocSection& section : report.sections) {
    out += fmt::format("## {}\n\n", escape_markdown(section.title));
    for (const PocBlock& block : section.blocks) {
      out += std::visit(MarkdownBlock{}, block);
    }
  }
  return out;
}

std::string poc_html(const PocReport& report) {
  std::string out = fmt::format("{}<title>{}</title></head><body>\n<h1>{}</h1>\n", kPageHead,
                                escape_html(report.title), escape_html(report.title));
  for (const PocSection& section : report.sections) {
    out += fmt::format("<h2>{}</h2>\n", escape_html(section.title));
    for (const PocBlock& block : section.blocks) {
      out += std::visit(HtmlBlock{}, block);
    }
  }
  return out + "</body></html>\n";
}

}  // namespace gpreempt::experiments
