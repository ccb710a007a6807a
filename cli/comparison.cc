#include "cli/comparison.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "core/error.h"

namespace gpreempt::cli {
namespace {

using Json = nlohmann::json;

struct Metric {
  std::string_view name;
  std::string_view pointer;  ///< in a result, as a JSON pointer
  Measure measure;
};

// A table: names of fields would hide it.
// NOLINTBEGIN(modernize-use-designated-initializers)
constexpr std::array<Metric, 14> kMetrics = {{
    {"online p50", "/online/latency_ns/p50", Measure::kTime},
    {"online p95", "/online/latency_ns/p95", Measure::kTime},
    {"online p99", "/online/latency_ns/p99", Measure::kTime},
    {"online max", "/online/latency_ns/max", Measure::kTime},
    {"added p50", "/online/added_latency_ns/p50", Measure::kTime},
    {"added p99", "/online/added_latency_ns/p99", Measure::kTime},
    {"unfinished", "/online/unfinished", Measure::kCount},
    {"offline loss", "/offline/loss", Measure::kFraction},
    {"offline overhead", "/offline/overhead", Measure::kFraction},
    {"suspends", "/preemptions/suspend", Measure::kCount},
    {"steady suspend p50", "/preemptions/steady_suspend_latency_ns/p50", Measure::kTime},
    {"steady suspend p99", "/preemptions/steady_suspend_latency_ns/p99", Measure::kTime},
    {"bystander", "/bystander_ns", Measure::kTime},
    {"refusals", "/refusals", Measure::kCount},
}};
// NOLINTEND(modernize-use-designated-initializers)

/// Keys at the top of a summary that make two of them different experiments.
constexpr std::array<std::string_view, 11> kConditions = {
    "scenario",  "backend",     "seed",      "model", "personality", "gpus",
    "detection", "duration_ns", "warmup_ns", "band",  "evidence"};

std::optional<double> number_at(const Json& json, std::string_view pointer) {
  const Json::json_pointer at{std::string(pointer)};
  return json.contains(at) && json.at(at).is_number() ? std::optional(json.at(at).get<double>())
                                                      : std::nullopt;
}

std::string text_at(const Json& json, std::string_view key) {
  const auto found = json.find(std::string(key));
  if (found == json.end() || found->is_null()) {
    return "none";
  }
  return found->is_string() ? found->get<std::string>() : found->dump();
}

Result<Json> parse(const Side& side) {
  Json json = Json::parse(side.json, nullptr, false);
  const auto refuse = [&](std::string_view reason) {
    return fail(Errc::kParse, fmt::format("reading {}: {}; name a bundle, a summary.json of "
                                          "gpreempt, or a run to make",
                                          side.name, reason));
  };
  if (!json.is_object()) {
    return refuse("it is no JSON object");
  }
  if (number_at(json, "/schema") != 1) {
    return refuse("its schema is not 1");
  }
  const auto results = json.find("results");
  if (results == json.end() || !results->is_array() || results->empty()) {
    return refuse("it has no results");
  }
  for (const Json& result : *results) {
    if (!result.is_object() || !result.contains("policy") || !result["policy"].is_string()) {
      return refuse("a result has no policy");
    }
  }
  return json;
}

ComparedPolicy compare_results(const Json& left, const Json& right) {
  ComparedPolicy policy{.left = left["policy"].get<std::string>(),
                        .right = right["policy"].get<std::string>(),
                        .rows = {}};
  for (const Metric& metric : kMetrics) {
    const ComparedRow row{.metric = metric.name,
                          .measure = metric.measure,
                          .left = number_at(left, metric.pointer),
                          .right = number_at(right, metric.pointer)};
    if (row.left || row.right) {
      policy.rows.push_back(row);
    }
  }
  return policy;
}

const Json* with_policy(const Json& summary, const Json& name) {
  for (const Json& result : summary["results"]) {
    if (result["policy"] == name) {
      return &result;
    }
  }
  return nullptr;
}

void note_missing(const Json& summary, const Json& other, const std::string& name,
                  std::vector<std::string>& notes) {
  for (const Json& result : summary["results"]) {
    if (with_policy(other, result["policy"]) == nullptr) {
      notes.push_back(
          fmt::format("policy {} is in {} only", result["policy"].get<std::string>(), name));
    }
  }
}

void note_conditions(const Json& left, const Json& right, std::vector<std::string>& notes) {
  for (const std::string_view key : kConditions) {
    const std::string a = text_at(left, key);
    const std::string b = text_at(right, key);
    if (a != b) {
      notes.push_back(fmt::format("{} differs: {} and {}", key, a, b));
    }
  }
}

void note_mechanisms(const Json& left, const Json& right, std::vector<std::string>& notes) {
  const std::string a = text_at(left["results"].front(), "mechanism");
  const std::string b = text_at(right["results"].front(), "mechanism");
  if (a != b) {
    notes.push_back(fmt::format("mechanism differs: {} and {}", a, b));
  }
}

}  // namespace

std::optional<double> ComparedRow::ratio() const {
  return left && right && *left != 0 ? std::optional(*right / *left) : std::nullopt;
}

Result<Comparison> compare(const Side& left, const Side& right) {
  Json a;
  Json b;
  GPREEMPT_TRY(store(a, parse(left)));
  GPREEMPT_TRY(store(b, parse(right)));
  Comparison comparison{.left = left.name, .right = right.name, .policies = {}, .notes = {}};
  note_conditions(a, b, comparison.notes);
  note_mechanisms(a, b, comparison.notes);
  if (a["results"].size() == 1 && b["results"].size() == 1) {
    comparison.policies.push_back(compare_results(a["results"][0], b["results"][0]));
    return comparison;
  }
  for (const Json& result : a["results"]) {
    if (const Json* other = with_policy(b, result["policy"])) {
      comparison.policies.push_back(compare_results(result, *other));
    }
  }
  note_missing(a, b, left.name, comparison.notes);
  note_missing(b, a, right.name, comparison.notes);
  if (comparison.policies.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("comparing {} with {}: no policy is in both; name one on each side",
                            left.name, right.name));
  }
  return comparison;
}

}  // namespace gpreempt::cli
