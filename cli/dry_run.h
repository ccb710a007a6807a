#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/run_options.h"
#include "core/error.h"

/// What --dry-run prints for a verb that starts processes of its own and controls them.
namespace gpreempt::cli {

/// A part of what the verb would do.
struct PlannedStep {
  std::string name;
  bool needs_hive = false;  ///< it may hang a GPU, or takes all that one can do
};

struct DryRun {
  std::string verb;
  BackendKind backend = BackendKind::kSim;
  std::vector<PlannedStep> steps;
  bool exclusive_hive = false;  ///< nobody else uses these GPUs or their hive
};

/// The steps, those that would be skipped, and, on hardware, whom they disturb and what would be
/// refused. Touches nobody: reads sysfs, /proc and the kernel's log. Errors: those of
/// `kfd::plan_safety`.
[[nodiscard]] Result<std::string> dry_run_text(const DryRun& dry_run);

}  // namespace gpreempt::cli
