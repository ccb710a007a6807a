#include "experiments/poc_evidence.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "experiments/provenance.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using WrittenJson = nlohmann::ordered_json;

constexpr std::array kAnswers = {Answer::kYes,        Answer::kNo,       Answer::kMet,
                                 Answer::kMissed,     Answer::kReported, Answer::kNotResolvable,
                                 Answer::kUnavailable};
constexpr std::array kBases = {Basis::kMeasured, Basis::kSimulated, Basis::kAssumed};

/// The results of a document of schema 1.
Result<WrittenJson> read_document(std::string_view text, const std::string& source) {
  WrittenJson document = WrittenJson::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) {
    return refused_results(source, "it is not JSON");
  }
  if (!document.is_object() || document.value("schema", WrittenJson(0)) != 1) {
    return refused_results(source, "it has no \"schema\": 1");
  }
  if (!document.contains("results") || !document["results"].is_array()) {
    return refused_results(source, "it has no list \"results\"");
  }
  return document;
}

std::optional<std::string> words_at(const WrittenJson& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? std::optional(found->get<std::string>())
                                                   : std::nullopt;
}

std::optional<double> number_at(const WrittenJson& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? std::optional(found->get<double>())
                                                   : std::nullopt;
}

/// Nothing of what is neither a number nor words.
Quantity quantity_at(const WrittenJson& json, const char* key) {
  if (const auto number = number_at(json, key)) {
    return *number;
  }
  if (auto words = words_at(json, key)) {
    return *std::move(words);
  }
  return {};
}

template <class Words, class Values>
std::optional<Words> word_among(const Values& values, const std::optional<std::string>& text) {
  for (const Words value : values) {
    if (text && to_string(value) == *text) {
      return value;
    }
  }
  return std::nullopt;
}

Result<Verdict> verdict_in(const WrittenJson& json, const std::string& source) {
  const auto name = words_at(json, "name");
  if (!name) {
    return refused_results(source, "a result has no \"name\"");
  }
  const auto answer = word_among<Answer>(kAnswers, words_at(json, "verdict"));
  const auto basis = answer == Answer::kUnavailable
                         ? std::optional(Basis::kNothing)
                         : word_among<Basis>(kBases, words_at(json, "evidence"));
  if (!answer || !basis) {
    return refused_results(source, fmt::format("result '{}' has no \"{}\" that is known", *name,
                                               answer ? "evidence" : "verdict"));
  }
  Verdict verdict{.name = *name,
                  .value = quantity_at(json, "value"),
                  .expected = quantity_at(json, "expected"),
                  .answer = *answer,
                  .reason = words_at(json, "reason").value_or(""),
                  .confidence = number_at(json, "confidence"),
                  .basis = *basis,
                  .backend = words_at(json, "backend").value_or("")};
  if (const auto numbers = json.find("numbers"); numbers != json.end() && numbers->is_object()) {
    for (const auto& [key, value] : numbers->items()) {
      if (value.is_number()) {
        verdict.numbers.emplace_back(key, value.get<double>());
      }
    }
  }
  if (const auto facts = json.find("facts"); facts != json.end() && facts->is_object()) {
    for (const auto& [key, value] : facts->items()) {
      if (value.is_string()) {
        verdict.facts.emplace_back(key, value.get<std::string>());
      }
    }
  }
  verdict.unit = words_at(json, "unit").value_or("");
  return verdict;
}

/// An object at `key`; an empty one without it.
WrittenJson object_at(const WrittenJson& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_object() ? *found : WrittenJson::object();
}

}  // namespace

Result<std::vector<SourcedVerdict>> read_verdicts(std::string_view text,
                                                  const std::string& source) {
  WrittenJson document;
  GPREEMPT_TRY(store(document, read_document(text, source)));
  std::vector<SourcedVerdict> verdicts;
  for (const WrittenJson& result : document["results"]) {
    Verdict verdict;
    GPREEMPT_TRY(store(verdict, verdict_in(result, source)));
    verdicts.push_back({.verdict = std::move(verdict), .source = source});
  }
  return verdicts;
}

Result<std::vector<RunResult>> read_run_results(std::string_view text, const std::string& source) {
  WrittenJson document;
  GPREEMPT_TRY(store(document, read_document(text, source)));
  const auto basis = word_among<Basis>(kBases, words_at(document, "statement"));
  if (!basis) {
    return refused_results(source,
                           "its \"statement\" says neither measured, simulated nor assumed");
  }
  std::vector<RunResult> results;
  for (const WrittenJson& each : document["results"]) {
    const auto policy = words_at(each, "policy");
    if (!policy) {
      return refused_results(source, "a result has no \"policy\"");
    }
    const WrittenJson online = object_at(each, "online");
    const WrittenJson latency = object_at(online, "latency_ns");
    const WrittenJson preemptions = object_at(each, "preemptions");
    const WrittenJson steady = object_at(preemptions, "steady_suspend_latency_ns");
    results.push_back(
        {.source = source,
         .scenario = words_at(document, "scenario").value_or(""),
         .policy = *policy,
         .backend = words_at(document, "backend").value_or(""),
         .basis = *basis,
         .requests = static_cast<std::uint64_t>(number_at(online, "requests").value_or(0)),
         .online_p50 = number_at(latency, "p50"),
         .online_p99 = number_at(latency, "p99"),
         .online_max = number_at(latency, "max"),
         .suspend_p50 = number_at(steady, "p50"),
         .suspend_p99 = number_at(steady, "p99"),
         .offline_loss = number_at(object_at(each, "offline"), "loss"),
         .offline_overhead = number_at(object_at(each, "offline"), "overhead"),
         .suspends = static_cast<std::uint64_t>(number_at(preemptions, "suspend").value_or(0))});
  }
  return results;
}

}  // namespace gpreempt::experiments
