#pragma once

#include <string>

#include "cli/explain.h"

namespace gpreempt::cli {

/// For people. Opinions in the middle of many are left out.
[[nodiscard]] std::string explain_text(const Explanation& explanation);
[[nodiscard]] std::string explain_json(const Explanation& explanation);

}  // namespace gpreempt::cli
