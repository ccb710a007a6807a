#pragma once

#include <string>
#include <string_view>

#include "core/decision.h"

/// What the words of a decision mean, for people.
namespace gpreempt::cli {

/// Why: a clause that follows "because".
[[nodiscard]] std::string_view meaning(Reason reason);

/// "slack 12.3 ms", "loss 1.25 %", "requests 3".
[[nodiscard]] std::string term_text(const Term& term);
/// All of them, separated by commas; empty if there is none.
[[nodiscard]] std::string terms_text(const Terms& terms);

}  // namespace gpreempt::cli
