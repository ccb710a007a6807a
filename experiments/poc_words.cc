#include "experiments/poc_words.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "experiments/poc_report.h"
#include "experiments/sampled.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

struct QuantityWords {
  bool is_time = false;
  std::string operator()(std::monostate /*nothing*/) const { return "-"; }
  std::string operator()(double value) const {
    return is_time ? words_of_ns(value) : fmt::format("{:.6g}", value);
  }
  std::string operator()(const std::string& value) const { return value; }
};

std::string words_of(const Quantity& quantity, const std::string& unit) {
  return std::visit(QuantityWords{.is_time = unit == "ns"}, quantity);
}

}  // namespace

std::string label_of(Basis basis) {
  return std::string(basis == Basis::kNothing ? kMissingLabel : to_string(basis));
}

std::string label_of(const Verdict& verdict) {
  return label_of(verdict.answer == Answer::kUnavailable ? Basis::kNothing : verdict.basis);
}

PocText missing(std::string text) {
  return {.text = std::move(text), .label = std::string(kMissingLabel)};
}

std::string value_words(const Verdict& verdict) { return words_of(verdict.value, verdict.unit); }

std::string limit_words(const Verdict& verdict) {
  return words_of(verdict.expected, verdict.unit) + goals_text(verdict);
}

std::string time_words(const std::optional<double>& ns) { return ns ? words_of_ns(*ns) : "-"; }

}  // namespace gpreempt::experiments
