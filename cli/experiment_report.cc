#include "cli/experiment_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cli/own_processes.h"
#include "experiments/experiment.h"
#include "experiments/sampled.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

using experiments::Verdict;

std::string text_of(const std::string& key, double value) {
  const bool is_time = key.ends_with("_ns");
  std::string words = is_time ? key.substr(0, key.size() - 3) : key;
  for (char& c : words) {
    c = c == '_' ? ' ' : c;
  }
  return fmt::format("{} {}", words,
                     is_time ? experiments::words_of_ns(value) : fmt::format("{:.6g}", value));
}

struct QuantityText {
  std::string_view unit;
  std::string operator()(std::monostate /*nothing*/) const { return {}; }
  std::string operator()(double value) const {
    return unit == "ns" ? experiments::words_of_ns(value) : fmt::format("{:.6g}", value);
  }
  std::string operator()(const std::string& value) const { return value; }
};

/// The words, broken into lines of the text's width.
std::string wrapped(std::string_view words, std::size_t indent) {
  constexpr std::size_t kWidth = 112;
  std::string text;
  std::string line(indent, ' ');
  const auto flush = [&] {
    text += line + "\n";
    line.assign(indent, ' ');
  };
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    const std::string_view word = words.substr(at, end - at);
    if (line.size() > indent && line.size() + 1 + word.size() > kWidth) {
      flush();
    }
    line += line.size() > indent ? " " : "";
    line += word;
    at = end + 1;
  }
  flush();
  return text;
}

std::string text_of(const Verdict& verdict) {
  const std::string value = std::visit(QuantityText{verdict.unit}, verdict.value);
  const std::string expected = std::visit(QuantityText{verdict.unit}, verdict.expected);
  std::string text =
      fmt::format("{:<14}  {}{}{}\n", to_string(verdict.answer), verdict.name,
                  value.empty() ? "" : ": " + value,
                  expected.empty() || expected == value ? "" : " (expected " + expected + ")");
  constexpr std::size_t kIndent = 16;
  text += wrapped(verdict.reason, kIndent);
  std::string numbers;
  for (const auto& [key, number] : verdict.numbers) {
    if (key.ends_with("_lo_ns")) {
      numbers += fmt::format(" ({}", experiments::words_of_ns(number));
    } else if (key.ends_with("_hi_ns")) {
      numbers += fmt::format(" to {})", experiments::words_of_ns(number));
    } else {
      numbers += numbers.empty() ? "" : ", ";
      numbers += text_of(key, number);
    }
  }
  text += numbers.empty() ? "" : wrapped(numbers, kIndent);
  for (const auto& [key, words] : verdict.facts) {
    text += wrapped(fmt::format("{}: {}", key, words), kIndent);
  }
  return text;
}

}  // namespace

std::string verdicts_text(const std::vector<Verdict>& verdicts) {
  std::string text;
  std::string_view basis;
  std::string_view backend;
  for (const Verdict& verdict : verdicts) {
    const bool has_result = verdict.basis != experiments::Basis::kNothing;
    if (text.empty() ||
        (has_result && (backend != verdict.backend || basis != to_string(verdict.basis)))) {
      backend = verdict.backend;
      basis = to_string(verdict.basis);
      text += fmt::format("{}backend {}, evidence {}\n", text.empty() ? "" : "\n", backend, basis);
    }
    text += text_of(verdict);
  }
  return text;
}

std::string experiments_text() {
  std::string text;
  for (const experiments::Experiment& each : experiments::experiments()) {
    text += fmt::format("{:<17} {}\n{:<17} {}; needs {}\n", each.name, each.question, "",
                        safety_tag(each.needs_hive), each.needs);
  }
  return text;
}

std::string experiments_json() {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const experiments::Experiment& each : experiments::experiments()) {
    list.push_back({{"name", each.name},
                    {"question", each.question},
                    {"needs", each.needs},
                    {"tag", safety_tag(each.needs_hive)}});
  }
  const nlohmann::ordered_json document = {{"schema", 1}, {"experiments", std::move(list)}};
  return document.dump(2) + "\n";
}

}  // namespace gpreempt::cli
