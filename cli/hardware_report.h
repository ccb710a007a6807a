#pragma once

#include <string>
#include <vector>

#include "cli/hardware_check.h"
#include "cli/hardware_gates.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {

/// A row for each verdict under the sentence of its check, what was missed with its reason, and the
/// gates that were applied.
[[nodiscard]] std::string hardware_text(const std::vector<experiments::Verdict>& verdicts,
                                        const Gates& gates);

/// The checks with their tags and the gates with their values.
[[nodiscard]] std::string hardware_list(const Gates& gates);

}  // namespace gpreempt::cli
