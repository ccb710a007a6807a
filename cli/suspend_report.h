#pragma once

#include <string>
#include <vector>

#include "backends/kfd/hold/hold.h"
#include "cli/suspend_options.h"
#include "cli/suspend_plan.h"
#include "cli/suspend_run.h"

namespace gpreempt::cli {

/// What became of each queue, and how it ended.
[[nodiscard]] std::string hold_text(const kfd::HoldReport& report);
/// docs/suspend.md has the schema. `report` null: a plan only.
[[nodiscard]] std::string suspend_json(const SuspendPlan& plan,
                                       const SuspendCommandOptions& options,
                                       const kfd::HoldReport* report);

[[nodiscard]] std::string resume_text(const std::vector<ResumeResult>& results);
[[nodiscard]] std::string resume_json(const std::vector<ResumeResult>& results);

}  // namespace gpreempt::cli
