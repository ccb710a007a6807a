#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conformance/scenario.h"
#include "conformance/stage.h"
#include "core/error.h"

namespace gpreempt::conformance {

struct CaseResult {
  const Case* of = nullptr;
  std::string value;     ///< the result, and what the expectation looks at
  std::string expected;  ///< in the same form
  std::string recorded;  ///< everything that was written back
  [[nodiscard]] bool passed() const { return value == expected; }
};

struct ScenarioResult {
  const Scenario* of = nullptr;
  std::vector<CaseResult> cases;  ///< set-up steps only if they failed
};

/// Runs every case of a scenario, whatever those before it gave.
/// Errors: those of `Stage::perform`.
[[nodiscard]] Result<ScenarioResult> run_scenario(Stage& stage, const Scenario& scenario,
                                                  std::string_view personality);

}  // namespace gpreempt::conformance
