#include "conformance/record.h"

#include <fmt/format.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "conformance/actors.h"
#include "conformance/run.h"
#include "conformance/scenario.h"
#include "conformance/sequences.h"
#include "conformance/stage.h"
#include "core/error.h"

namespace gpreempt::conformance {
namespace {

constexpr std::string_view kBegin = "# conformance record of ";
constexpr std::string_view kEnd = "# end of conformance record";
constexpr std::string_view kEquals = " = ";

}  // namespace

Result<Findings> run_plan(Actors& actors, const Plan& plan,
                          const std::function<void(const std::string&)>& progress) {
  Findings findings;
  Stage stage(actors);
  for (const Scenario& scenario : plan.scenarios) {
    progress(scenario.name);
    ScenarioResult result;
    GPREEMPT_TRY(store(result, run_scenario(stage, scenario, plan.personality)));
    for (const CaseResult& each : result.cases) {
      ++findings.cases;
      findings.failed += each.passed() ? 0U : 1U;
      findings.record[fmt::format("{}: {}", scenario.name, each.of->name)] = each.recorded;
    }
    findings.scenarios.push_back(std::move(result));
  }
  constexpr std::size_t kPerReport = 500;
  for (std::size_t i = 0; i < plan.sequences.size(); ++i) {
    if (i % kPerReport == 0) {
      progress(fmt::format("sequence {} of {}", i + 1, plan.sequences.size()));
    }
    GPREEMPT_TRY(store(findings.record["sequence " + name_of(plan.sequences[i])],
                       run_sequence(stage, plan.sequences[i])));
  }
  return findings;
}

std::string record_text(const Record& record, std::string_view driver) {
  std::string text = fmt::format("{}{}\n", kBegin, driver);
  for (const auto& [name, result] : record) {
    text += fmt::format("{}{}{}\n", name, kEquals, result);
  }
  return text + fmt::format("{}\n", kEnd);
}

Result<Record> read_record(const std::filesystem::path& file) {
  std::string text;
  GPREEMPT_TRY(store(text, read_text_file(file)));
  Record record;
  std::istringstream lines(text);
  std::string line;
  bool inside = false;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    while (line.ends_with('\r')) {
      line.pop_back();
    }
    if (line.starts_with(kBegin)) {
      inside = true;
    } else if (line == kEnd) {
      return record;
    } else if (inside) {
      const std::size_t equals = line.rfind(kEquals);
      if (equals == std::string::npos) {
        return fail(Errc::kParse, fmt::format("{}:{}: '{}' is no 'name{}result' of a record",
                                              file.string(), number, line, kEquals));
      }
      record[line.substr(0, equals)] = line.substr(equals + kEquals.size());
    }
  }
  return fail(Errc::kParse,
              fmt::format("{}: no whole record in it; write one with 'gpreempt conformance "
                          "--record FILE'",
                          file.string()));
}

std::vector<Difference> compare(const Record& ours, const Record& theirs) {
  std::vector<Difference> differences;
  for (const auto& [name, result] : ours) {
    const auto found = theirs.find(name);
    if (found == theirs.end() || found->second != result) {
      differences.push_back({.name = name,
                             .ours = result,
                             .theirs = found == theirs.end() ? std::string() : found->second});
    }
  }
  return differences;
}

}  // namespace gpreempt::conformance
