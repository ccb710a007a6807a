#include "conformance/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "config/document.h"
#include "conformance/scenario.h"
#include "conformance/stage.h"
#include "conformance/vocabulary.h"
#include "core/error.h"

namespace gpreempt::conformance {
namespace {

std::string ids_text(std::span<const std::uint32_t> ids) {
  std::string text;
  for (const std::uint32_t id : ids) {
    text += fmt::format("{}{:#x}", text.empty() ? " ids=" : ",", id);
  }
  return text;
}

std::string expected_text(const Expectation& expect) {
  std::string text = expect.result;
  for (const auto& [name, value] : expect.out) {
    text += fmt::format(" {}={}", name, value);
  }
  return text + ids_text(expect.ids);
}

/// As far as the expectation looks.
std::string value_text(const Outcome& outcome, const Expectation& expect) {
  std::string text = result_text(outcome);
  if (outcome.kind != Outcome::Kind::kAnswered) {
    return text;
  }
  const OpWord& word = word_of(outcome.op);
  for (const auto& [name, value] : expect.out) {
    const auto place = std::ranges::find(word.out, std::string_view(name)) - word.out.begin();
    text += fmt::format(" {}={}", name, outcome.answer.out.at(static_cast<std::size_t>(place)));
  }
  return expect.ids.empty()
             ? text
             : text + ids_text(std::span(outcome.answer.ids).first(outcome.answer.id_count));
}

}  // namespace

Result<ScenarioResult> run_scenario(Stage& stage, const Scenario& scenario,
                                    std::string_view personality) {
  stage.clear();
  ScenarioResult result{.of = &scenario, .cases = {}};
  for (const Case& each : scenario.cases) {
    Outcome outcome;
    GPREEMPT_TRY(store(outcome, stage.perform(each.step)));
    const Expectation& expect = each.expected(personality);
    CaseResult checked{.of = &each,
                       .value = value_text(outcome, expect),
                       .expected = expected_text(expect),
                       .recorded = full_text(outcome)};
    if (!each.setup || !checked.passed()) {
      result.cases.push_back(std::move(checked));
    }
  }
  stage.clear();
  return result;
}

}  // namespace gpreempt::conformance
