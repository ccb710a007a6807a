#include "cli/hardware_verdicts.h"

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/hardware_gates.h"
#include "cli/metrics.h"
#include "core/stats.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

std::string key_of(std::string_view what, GateUnit unit) {
  return fmt::format("{}{}", what, unit == GateUnit::kTime ? "_ns" : "");
}

/// `keeps(value, limit)`: the value is within it.
template <class Keeps>
experiments::Verdict against(experiments::Verdict verdict, double value, const Gate& gate,
                             Keeps keeps) {
  verdict.value = quantity_text(gate.unit, value);
  verdict.answer =
      keeps(value, gate.value) ? experiments::Answer::kMet : experiments::Answer::kMissed;
  verdict.numbers = {{key_of("value", gate.unit), value}, {key_of("gate", gate.unit), gate.value}};
  verdict.facts = {{"gate", std::string(gate.name)}};
  const auto add = [&](std::string_view word, const std::optional<double>& goal) {
    if (goal) {
      verdict.numbers.emplace_back(key_of(word, gate.unit), *goal);
      verdict.facts.emplace_back(word, fmt::format("{}: {}", quantity_text(gate.unit, *goal),
                                                   keeps(value, *goal) ? "met" : "not met"));
    }
  };
  add(experiments::kGoal, gate.goal);
  add(experiments::kStretch, gate.stretch);
  return verdict;
}

}  // namespace

experiments::Verdict at_most(std::string name, double value, const Gate& gate, std::string reason) {
  return against({.name = std::move(name),
                  .value = {},
                  .expected = fmt::format("at most {}", quantity_text(gate.unit, gate.value)),
                  .reason = std::move(reason)},
                 value, gate, std::less_equal{});
}

experiments::Verdict at_least(std::string name, double value, const Gate& gate,
                              std::string reason) {
  return against({.name = std::move(name),
                  .value = {},
                  .expected = fmt::format("at least {}", quantity_text(gate.unit, gate.value)),
                  .reason = std::move(reason)},
                 value, gate, std::greater_equal{});
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
  const auto add = [&](const char* name, std::optional<double> value) {
    if (value) {
      numbers.emplace_back(prefix + name, *value);
    }
  };
  const auto value_of = [](const std::optional<Quantile>& quantile) {
    return quantile ? std::optional(static_cast<double>(quantile->value)) : std::nullopt;
  };
  add("p50_ns", value_of(spread.p50));
  add("p95_ns", value_of(spread.p95));
  add("p99_ns", value_of(spread.p99));
  add("max_ns", spread.max ? std::optional(static_cast<double>(*spread.max)) : std::nullopt);
  add("mean_ns", spread.mean);
  add("sd_ns", spread.sd);
}

void add_sample(std::vector<std::pair<std::string, double>>& numbers, const std::string& prefix,
                const std::vector<std::int64_t>& samples) {
  add_spread(numbers, prefix, spread_of(samples));
  std::map<int, double> bins;
  for (const std::int64_t each : samples) {
    ++bins[experiments::bin_of(each)];
  }
  for (const auto& [bin, size] : bins) {
    numbers.emplace_back(fmt::format("{}{}{}", prefix, experiments::kBinKey, bin), size);
  }
}

}  // namespace gpreempt::cli
