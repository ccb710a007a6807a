#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/verdict.h"

namespace gpreempt::cli {

/// Verdicts for people: name, answer and value, and below each the reason, numbers and facts.
[[nodiscard]] std::string verdicts_text(const std::vector<experiments::Verdict>& verdicts);

/// All experiments, with what each asks and needs, and where it may run on hardware.
[[nodiscard]] std::string experiments_text();
/// The same: {"schema":1,"experiments":[{"name","question","needs","tag"}]}.
[[nodiscard]] std::string experiments_json();

}  // namespace gpreempt::cli
