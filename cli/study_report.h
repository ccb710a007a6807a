#pragma once

#include <string>
#include <vector>

#include "study/analysis.h"
#include "study/schedule.h"

namespace gpreempt::cli {

/// What a study's run found, for people: a table of its points with intervals, what differs and
/// what cannot be told apart, what to choose, and what hangs on a guess.
[[nodiscard]] std::string study_text(const study::Analysis& analysis,
                                     const std::vector<study::Row>& rows);

}  // namespace gpreempt::cli
