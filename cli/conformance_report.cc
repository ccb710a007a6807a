#include "cli/conformance_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "cli/table.h"
#include "conformance/record.h"
#include "conformance/run.h"

namespace gpreempt::cli {
namespace {

using nlohmann::ordered_json;

std::string verdict(const conformance::CaseResult& result) {
  return result.passed() ? "same" : "different";
}

std::string or_missing(const std::string& text) { return text.empty() ? "missing" : text; }

std::string differences_text(const ConformanceOutcome& outcome) {
  Table table({"differs from " + outcome.compared_with, "here", "there"});
  for (const conformance::Difference& each : outcome.differences) {
    table.add_row({each.name, each.ours, or_missing(each.theirs)});
  }
  return table.empty() ? std::string() : table.render(0) + "\n";
}

}  // namespace

std::string conformance_text(const ConformanceOutcome& outcome) {
  std::string text;
  for (const conformance::ScenarioResult& scenario : outcome.findings.scenarios) {
    Table table({scenario.of->name, "value", "expected", "verdict"});
    for (const conformance::CaseResult& each : scenario.cases) {
      table.add_row({each.of->name, each.value, each.expected, verdict(each)});
    }
    text += fmt::format("{}\n{}\n", scenario.of->summary, table.render(kTableIndent));
  }
  text += differences_text(outcome);
  text += fmt::format("{} as {}: {} cases, {} different; {} sequences", outcome.driver,
                      outcome.personality, outcome.findings.cases, outcome.findings.failed,
                      outcome.sequences);
  return outcome.compared_with.empty()
             ? text + "\n"
             : text + fmt::format("; {} answers differ from {}\n", outcome.differences.size(),
                                  outcome.compared_with);
}

std::string conformance_json(const ConformanceOutcome& outcome) {
  ordered_json json;
  json["schema"] = 1;
  json["driver"] = outcome.driver;
  json["personality"] = outcome.personality;
  json["sequences"] = outcome.sequences;
  json["results"] = ordered_json::array();
  for (const conformance::ScenarioResult& scenario : outcome.findings.scenarios) {
    for (const conformance::CaseResult& each : scenario.cases) {
      ordered_json result;
      result["name"] = fmt::format("{}: {}", scenario.of->name, each.of->name);
      result["value"] = each.value;
      result["expected"] = each.expected;
      result["verdict"] = verdict(each);
      json["results"].push_back(std::move(result));
    }
  }
  if (!outcome.compared_with.empty()) {
    json["compared_with"] = outcome.compared_with;
    json["differences"] = ordered_json::array();
    for (const conformance::Difference& each : outcome.differences) {
      ordered_json difference;
      difference["name"] = each.name;
      difference["value"] = each.ours;
      difference["expected"] = or_missing(each.theirs);
      difference["verdict"] = "different";
      json["differences"].push_back(std::move(difference));
    }
  }
  return json.dump(2) + "\n";
}

}  // namespace gpreempt::cli
