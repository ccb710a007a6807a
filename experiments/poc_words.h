#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "experiments/poc_report.h"
#include "experiments/verdict.h"

/// How the parts of a report of the proof of concept say the same things. No I/O.
namespace gpreempt::experiments {

inline constexpr std::string_view kMissingLabel = "missing";

/// "measured", "simulated", "assumed"; "missing" where there is no result.
[[nodiscard]] std::string label_of(Basis basis);
/// The same; what is unavailable is missing on whatever basis.
[[nodiscard]] std::string label_of(const Verdict& verdict);

/// A sentence that says what nobody found out.
[[nodiscard]] PocText missing(std::string text);

/// The value; "-" if there is none.
[[nodiscard]] std::string value_words(const Verdict& verdict);
/// What the value was held against, goals beyond it too; "-" if nothing.
[[nodiscard]] std::string limit_words(const Verdict& verdict);

/// A time; "-" if there is none.
[[nodiscard]] std::string time_words(const std::optional<double>& ns);

}  // namespace gpreempt::experiments
