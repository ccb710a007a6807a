#pragma once

#include <string>
#include <vector>

#include "study/schedule.h"

namespace gpreempt::cli {

/// How many runs failed and why, a line for all with the same words; "" if none did.
[[nodiscard]] std::string failures_text(const std::vector<study::Row>& rows);

}  // namespace gpreempt::cli
