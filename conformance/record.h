#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conformance/run.h"
#include "conformance/scenario.h"
#include "conformance/sequences.h"
#include "conformance/stage.h"
#include "core/error.h"

namespace gpreempt::conformance {

/// What a driver answered: results by the name of a case ("self: second DISABLE") or sequence.
using Record = std::map<std::string, std::string>;

/// What is to be run.
struct Plan {
  std::vector<Scenario> scenarios;
  std::vector<Sequence> sequences;
  std::string personality;  ///< whose expectations
};

struct Findings {
  std::vector<ScenarioResult> scenarios;
  Record record;
  std::size_t cases = 0;
  std::size_t failed = 0;
};

/// Runs all of a plan. `progress` is told what comes next.
/// Errors: those of the actors.
[[nodiscard]] Result<Findings> run_plan(Actors& actors, const Plan& plan,
                                        const std::function<void(const std::string&)>& progress);

/// One line each, "name = result", after a line that names the driver.
[[nodiscard]] std::string record_text(const Record& record, std::string_view driver);
/// Reads what `record_text` wrote. Lines of other forms between the markers are refused; text
/// before and after them is not looked at, so that a machine's console will do.
/// Errors: kIo, kParse at file:line.
[[nodiscard]] Result<Record> read_record(const std::filesystem::path& file);

/// Something that two records do not agree on; empty: it is missing there.
struct Difference {
  std::string name;
  std::string ours;
  std::string theirs;
};
/// `ours` must all be in `theirs`, with the same results.
[[nodiscard]] std::vector<Difference> compare(const Record& ours, const Record& theirs);

}  // namespace gpreempt::conformance
