#include "cli/hardware_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/hardware_check.h"
#include "cli/hardware_gates.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

struct Words {
  std::string operator()(std::monostate /*nothing*/) const { return ""; }
  std::string operator()(double value) const { return fmt::format("{:.10g}", value); }
  std::string operator()(const std::string& value) const { return value; }
};

bool was_skipped(const experiments::Verdict& verdict) {
  return verdict.answer == experiments::Answer::kUnavailable &&
         verdict.reason.starts_with(kSkipped);
}

std::string_view answer_text(const experiments::Verdict& verdict) {
  return was_skipped(verdict) ? "skipped" : to_string(verdict.answer);
}

std::size_t count(const std::vector<experiments::Verdict>& verdicts, experiments::Answer answer) {
  return static_cast<std::size_t>(
      std::ranges::count(verdicts, answer, &experiments::Verdict::answer));
}

std::string row(const experiments::Verdict& verdict) {
  const std::string value = std::visit(Words{}, verdict.value);
  const std::string expected = std::visit(Words{}, verdict.expected);
  std::string text = fmt::format("  {:<12} {:<34} {}{}{}\n", answer_text(verdict),
                                 verdict.name.substr(verdict.name.find('/') + 1), value,
                                 expected.empty() || expected == value ? "" : ", limit " + expected,
                                 experiments::goals_text(verdict));
  if (verdict.answer != experiments::Answer::kMet) {
    text += fmt::format("  {:<12} {}\n", "", verdict.reason);
  }
  return text;
}

/// Of a check whose runs were shorter than the plan's: a line that says so.
std::string scaled_text(const experiments::Verdict& verdict) {
  const auto scaled = std::ranges::find(
      verdict.facts, kScaled, [](const auto& fact) { return std::string_view(fact.first); });
  return scaled == verdict.facts.end() ? "" : fmt::format("  {:<12} {}\n", kScaled, scaled->second);
}

std::string gates_text(const Gates& gates) {
  std::string text;
  for (const Gate& gate : gates.all()) {
    text += fmt::format("  {:<19} {:<7} {}\n", gate.name, quantity_text(gate.unit, gate.value),
                        gate.meaning);
  }
  return text;
}

}  // namespace

std::string hardware_text(const std::vector<experiments::Verdict>& verdicts, const Gates& gates) {
  std::string text;
  std::string_view check;
  for (const experiments::Verdict& verdict : verdicts) {
    const std::string_view id = std::string_view(verdict.name).substr(0, verdict.name.find('/'));
    if (id != check) {
      check = id;
      const auto plan = std::ranges::find(hardware_checks(), id, &HardwareCheck::id);
      text += fmt::format("{}{}: {}\n", text.empty() ? "" : "\n", id,
                          plan == hardware_checks().end() ? "" : plan->plan);
      text += scaled_text(verdict);
    }
    text += row(verdict);
  }
  const auto skipped = static_cast<std::size_t>(std::ranges::count_if(verdicts, was_skipped));
  text += fmt::format(
      "\nGates\n{}\n{} met, {} missed, {} reported, {} unavailable, {} skipped; backend {}, "
      "evidence {}\n",
      gates_text(gates), count(verdicts, experiments::Answer::kMet),
      count(verdicts, experiments::Answer::kMissed),
      count(verdicts, experiments::Answer::kReported),
      count(verdicts, experiments::Answer::kUnavailable) - skipped, skipped,
      verdicts.front().backend, to_string(experiments::weakest_basis(verdicts)));
  return text;
}

std::string hardware_list(const Gates& gates) {
  std::string text = "Checks\n";
  for (const HardwareCheck& check : hardware_checks()) {
    text += fmt::format("  {:<13} {:<14} {}\n", check.id, to_string(check.tag), check.plan);
  }
  return text + "\nGates\n" + gates_text(gates);
}

}  // namespace gpreempt::cli
