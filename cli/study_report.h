#pragma once

#include <string>

#include "study/analysis.h"

namespace gpreempt::cli {

/// A study's analysis for people: what was found, how sure it is, and what it hangs on. A long list
/// is cut, and says so.
[[nodiscard]] std::string analysis_text(const study::Analysis& analysis);

}  // namespace gpreempt::cli
