#pragma once

#include <string>
#include <vector>

#include "study/analysis.h"
#include "study/schedule.h"

namespace gpreempt::cli {

/// A study's analysis for people: what was found, how sure it is, and what it hangs on. A long list
/// is cut, and says so.
[[nodiscard]] std::string analysis_text(const study::Analysis& analysis);

/// The same, and which runs failed.
[[nodiscard]] std::string study_text(const study::Analysis& analysis,
                                     const std::vector<study::Row>& rows);

}  // namespace gpreempt::cli
