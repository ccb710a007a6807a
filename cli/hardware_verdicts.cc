#include "cli/hardware_verdicts.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/hardware_gates.h"
#include "cli/metrics.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

std::string key_of(const char* what, GateUnit unit) {
  return fmt::format("{}{}", what, unit == GateUnit::kTime ? "_ns" : "");
}

experiments::Verdict against(std::string name, double value, const Gate& gate,
                             const char* relation) {
  return {.name = std::move(name),
          .value = quantity_text(gate.unit, value),
          .expected = fmt::format("{} {}", relation, quantity_text(gate.unit, gate.value)),
          .reason = {},
          .confidence = {},
          .numbers = {{key_of("value", gate.unit), value}, {key_of("gate", gate.unit), gate.value}},
          .facts = {{"gate", std::string(gate.name)}}};
}

}  // namespace

experiments::Verdict at_most(std::string name, double value, const Gate& gate, std::string reason) {
  experiments::Verdict verdict = against(std::move(name), value, gate, "at most");
  verdict.answer = value <= gate.value ? experiments::Answer::kMet : experiments::Answer::kMissed;
  verdict.reason = std::move(reason);
  return verdict;
}

experiments::Verdict at_least(std::string name, double value, const Gate& gate,
                              std::string reason) {
  experiments::Verdict verdict = against(std::move(name), value, gate, "at least");
  verdict.answer = value >= gate.value ? experiments::Answer::kMet : experiments::Answer::kMissed;
  verdict.reason = std::move(reason);
  return verdict;
}

experiments::Verdict exactly(std::string name, double value, double expected, std::string reason) {
  return {.name = std::move(name),
          .value = value,
          .expected = expected,
          .answer = value == expected ? experiments::Answer::kMet : experiments::Answer::kMissed,
          .reason = std::move(reason),
          .confidence = {},
          .numbers = {},
          .facts = {}};
}

experiments::Verdict holds(std::string name, bool it_holds, std::string reason) {
  return {.name = std::move(name),
          .value = it_holds ? "yes" : "no",
          .expected = "yes",
          .answer = it_holds ? experiments::Answer::kMet : experiments::Answer::kMissed,
          .reason = std::move(reason),
          .confidence = {},
          .numbers = {},
          .facts = {}};
}

experiments::Verdict reported(std::string name, std::string value, std::string reason) {
  return {.name = std::move(name),
          .value = std::move(value),
          .expected = {},
          .answer = experiments::Answer::kReported,
          .reason = std::move(reason),
          .confidence = {},
          .numbers = {},
          .facts = {}};
}

void add_spread(std::vector<std::pair<std::string, double>>& numbers, const std::string& prefix,
                const Spread& spread) {
  const auto add = [&](const char* name, std::optional<std::int64_t> value) {
    if (value) {
      numbers.emplace_back(prefix + name, static_cast<double>(*value));
    }
  };
  const auto value_of = [](const auto& quantile) {
    return quantile ? std::optional(quantile->value) : std::nullopt;
  };
  add("p50_ns", value_of(spread.p50));
  add("p95_ns", value_of(spread.p95));
  add("p99_ns", value_of(spread.p99));
  add("max_ns", spread.max);
}

void add_moments(std::vector<std::pair<std::string, double>>& numbers, const std::string& prefix,
                 const std::vector<std::int64_t>& samples) {
  if (samples.size() < 2) {
    return;
  }
  const auto count = static_cast<double>(samples.size());
  double sum = 0;
  for (const std::int64_t each : samples) {
    sum += static_cast<double>(each);
  }
  const double mean = sum / count;
  double squares = 0;
  for (const std::int64_t each : samples) {
    const double off = static_cast<double>(each) - mean;
    squares += off * off;
  }
  numbers.emplace_back(prefix + "mean_ns", mean);
  numbers.emplace_back(prefix + "sd_ns", std::sqrt(squares / (count - 1)));
}

}  // namespace gpreempt::cli
