#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "cli/report/assets.h"
#include "cli/report/document.h"
#include "core/error.h"

namespace gpreempt::report {
namespace {

/// In the order in which they must run.
constexpr auto kScripts = std::to_array<std::string_view>(
    {"uPlot.iife.min.js", "page.js", "plots.js", "figures.js", "timeline.js", "requests.js"});

std::string_view asset(std::string_view name) {
  const std::span<const Asset> all = embedded_assets();
  const auto found = std::ranges::find(all, name, &Asset::name);
  GPREEMPT_CHECK(found != all.end());
  return found->text;
}

std::string escaped(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '<': html += "&lt;"; break;
      case '>': html += "&gt;"; break;
      case '&': html += "&amp;"; break;
      case '"': html += "&quot;"; break;
      default: html += c;
    }
  }
  return html;
}

/// JSON in which no text can end the script element that holds it.
std::string island(std::string_view json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

std::string_view class_of(Tone tone) {
  switch (tone) {
    case Tone::kGood: return "good";
    case Tone::kBad: return "bad";
    case Tone::kOpen: return "open";
    case Tone::kPlain: break;
  }
  return "";
}

std::string classes(bool is_number, Tone tone) {
  std::string all(is_number ? "n" : "");
  if (tone != Tone::kPlain) {
    all += fmt::format("{}{}", all.empty() ? "" : " ", class_of(tone));
  }
  return all.empty() ? all : fmt::format(" class=\"{}\"", all);
}

std::string table_html(const DataTable& table) {
  std::string html = "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"" +
                     escaped(table.caption.empty() ? "table" : table.caption) + "\"><table>";
  if (!table.caption.empty()) {
    html += "<caption>" + escaped(table.caption) + "</caption>";
  }
  html += "<thead><tr>";
  for (const Column& column : table.columns) {
    html += fmt::format("<th scope=\"col\"{}>{}</th>", classes(column.is_number, Tone::kPlain),
                        escaped(column.title));
  }
  html += "</tr></thead><tbody>";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const Cell& cell = row[i];
      const std::string exact =
          cell.exact.empty()
              ? ""
              : fmt::format(" data-exact=\"{0}\" title=\"{0}\"", escaped(cell.exact));
      html += fmt::format("<td{}{}>{}</td>", classes(table.columns[i].is_number, cell.tone), exact,
                          escaped(cell.text));
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>";
}

std::string chart_html(const Chart& chart) {
  return fmt::format(
      "<figure class=\"chart\" id=\"{0}\" data-kind=\"{1}\"><figcaption>{2}</figcaption>"
      "<script type=\"application/json\">{3}</script></figure>\n",
      escaped(chart.id), escaped(chart.kind), escaped(chart.about), island(chart.data));
}

std::string section_html(const Section& section) {
  std::string html = fmt::format("<section><h2>{}", escaped(section.title));
  if (!section.evidence.empty()) {
    html += fmt::format(" <span class=\"evidence\">{}</span>", escaped(section.evidence));
  }
  html += "</h2>\n";
  for (const std::string& note : section.notes) {
    html += "<p>" + escaped(note) + "</p>\n";
  }
  for (const Chart& chart : section.charts) {
    html += chart_html(chart);
  }
  for (const DataTable& table : section.tables) {
    html += table_html(table);
  }
  if (!section.commands.empty()) {
    html += "<pre tabindex=\"0\">";
    for (const std::string& line : section.commands) {
      html += escaped(line) + "\n";
    }
    html += "</pre>";
  }
  return html + "</section>\n";
}

}  // namespace

std::string to_html(const Document& document) {
  std::string html(asset("head.html"));
  html += fmt::format("<title>{}</title><style>{}{}</style></head>\n", escaped(document.title),
                      asset("uPlot.min.css"), asset("page.css"));
  html += fmt::format(
      "<body><header><h1>{}</h1><button id=\"theme\" type=\"button\" hidden>Dark / light</button>"
      "</header>\n<main>\n<section id=\"lead\">",
      escaped(document.title));
  for (const std::string& sentence : document.lead) {
    html += "<p>" + escaped(sentence) + "</p>\n";
  }
  html += "</section>\n";
  for (const Section& section : document.sections) {
    html += section_html(section);
  }
  html += "</main>\n";
  for (const std::string_view name : kScripts) {
    html += fmt::format("<script>{}</script>\n", asset(name));
  }
  return html + "</body></html>\n";
}

}  // namespace gpreempt::report
