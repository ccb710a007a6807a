#include "experiments/verdict.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "experiments/provenance.h"

namespace gpreempt::experiments {
namespace {

using Json = nlohmann::ordered_json;

Json number_of(double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (!std::isfinite(value)) {
    return nullptr;
  }
  if (value == std::trunc(value) && std::abs(value) < kExact) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

struct QuantityJson {
  Json operator()(std::monostate /*nothing*/) const { return nullptr; }
  Json operator()(double value) const { return number_of(value); }
  Json operator()(const std::string& value) const { return value; }
};

Json evidence_json(Basis basis) {
  return basis == Basis::kNothing ? Json(nullptr) : Json(to_string(basis));
}

Json json_of(const Verdict& verdict) {
  Json numbers = Json::object();
  for (const auto& [key, value] : verdict.numbers) {
    numbers[key] = number_of(value);
  }
  Json facts = Json::object();
  for (const auto& [key, value] : verdict.facts) {
    facts[key] = value;
  }
  return {{"name", verdict.name},
          {"value", std::visit(QuantityJson{}, verdict.value)},
          {"expected", std::visit(QuantityJson{}, verdict.expected)},
          {"verdict", to_string(verdict.answer)},
          {"reason", verdict.reason},
          {"confidence", verdict.confidence ? number_of(*verdict.confidence) : Json(nullptr)},
          {"evidence", evidence_json(verdict.basis)},
          {"backend", verdict.backend},
          {"numbers", std::move(numbers)},
          {"facts", std::move(facts)},
          {"unit", verdict.unit.empty() ? Json(nullptr) : Json(verdict.unit)}};
}

}  // namespace

int weakness_of(Basis basis) {
  switch (basis) {
    case Basis::kMeasured: return 0;
    case Basis::kSimulated: return 1;
    case Basis::kAssumed: return 2;
    case Basis::kNothing: break;
  }
  return -1;
}

std::string_view to_string(Answer answer) {
  switch (answer) {
    case Answer::kYes: return "yes";
    case Answer::kNo: return "no";
    case Answer::kMet: return "met";
    case Answer::kMissed: return "missed";
    case Answer::kReported: return "reported";
    case Answer::kNotResolvable: return "not resolvable";
    case Answer::kUnavailable: break;
  }
  return "unavailable";
}

std::string_view to_string(Basis basis) {
  switch (basis) {
    case Basis::kSimulated: return "simulated";
    case Basis::kMeasured: return "measured";
    case Basis::kAssumed: return "assumed";
    case Basis::kNothing: break;
  }
  return "none";
}

int bin_of(std::int64_t ns) {
  return ns < 1 ? 0 : static_cast<int>(std::bit_width(static_cast<std::uint64_t>(ns))) - 1;
}

std::string to_json(const Verdict& verdict) { return json_of(verdict).dump(); }

std::string verdicts_document(std::string_view command, const Provenance& provenance,
                              const std::vector<Verdict>& verdicts) {
  const Json evidence = evidence_json(weakest_basis(verdicts));
  std::string text = fmt::format(
      "{{\"schema\":1,\"command\":{},\"backend\":{},\"evidence\":{},\n\"provenance\":{},"
      "\n\"results\":[",
      Json(command).dump(), Json(provenance.backend).dump(), evidence.dump(), to_json(provenance));
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    text += i == 0 ? "\n" : ",\n";
    text += to_json(verdicts[i]);
  }
  return text + "\n]}\n";
}

std::string goals_text(const Verdict& verdict) {
  std::string text;
  for (const auto& [key, words] : verdict.facts) {
    if (key == kGoal || key == kStretch) {
      text += fmt::format("; {} {}", key, words);
    }
  }
  return text;
}

Verdict unavailable(std::string name, std::string reason) {
  return {.name = std::move(name),
          .value = {},
          .expected = {},
          .answer = Answer::kUnavailable,
          .reason = std::move(reason),
          .basis = Basis::kNothing};
}

void stem_from(Verdict& verdict, std::string backend, Basis basis) {
  verdict.backend = std::move(backend);
  if (verdict.answer == Answer::kUnavailable) {
    verdict.basis = Basis::kNothing;
  } else if (verdict.basis != Basis::kAssumed) {
    verdict.basis = basis;
  }
}

Basis weakest_basis(const std::vector<Verdict>& verdicts) {
  Basis weakest = Basis::kNothing;
  for (const Verdict& verdict : verdicts) {
    weakest = weakness_of(verdict.basis) > weakness_of(weakest) ? verdict.basis : weakest;
  }
  return weakest;
}

}  // namespace gpreempt::experiments
