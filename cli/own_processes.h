#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "cli/run_options.h"
#include "cli/safety_options.h"
#include "core/error.h"

/// What a verb that starts processes of its own and controls them may do to others.
namespace gpreempt::cli {

/// A part of what the verb would do.
struct PlannedStep {
  std::string name;
  bool needs_hive = false;  ///< it may hang a GPU, or takes all that one can do
};

struct PlannedSteps {
  std::string verb;
  BackendKind backend = BackendKind::kSim;
  std::vector<PlannedStep> steps;
  bool exclusive_hive = false;          ///< nobody else uses these GPUs or their hive
  std::vector<std::string> bystanders;  ///< selectors of those that may be disturbed
  bool allow_bystanders = false;
  SafetyOptions safety;
};

/// "exclusive-hive": on hardware only where nobody else uses the hive; else "shared-safe".
[[nodiscard]] std::string_view safety_tag(bool needs_hive);

/// --dry-run: the steps, those that would be skipped, and, on hardware, whom they disturb and what
/// would be refused. Touches nobody: reads sysfs, /proc and the kernel's log. Errors: those of
/// `kfd::plan_safety`; kInvalidArgument (a bystander that nobody is).
[[nodiscard]] Result<std::string> dry_run_text(kfd::Os& os, const PlannedSteps& planned);

/// Before it is done: refuses what `kfd::check_safety` refuses. On a model nobody is there. Errors:
/// those of `dry_run_text` and of `kfd::check_safety`.
[[nodiscard]] Result<void> check_others(kfd::Os& os, const PlannedSteps& planned);

}  // namespace gpreempt::cli
