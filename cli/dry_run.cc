#include "cli/dry_run.h"

#include <fmt/format.h>

#include <string>

#include "backends/kfd/linux_os.h"
#include "backends/kfd/safety/safety_plan.h"
#include "cli/run_options.h"
#include "cli/table.h"
#include "core/error.h"

namespace gpreempt::cli {
namespace {

std::string steps_text(const DryRun& dry_run) {
  Table table({"would run", "tag", ""});
  for (const PlannedStep& step : dry_run.steps) {
    const bool is_skipped = step.needs_hive && !dry_run.exclusive_hive;
    table.add_row({step.name, step.needs_hive ? "exclusive-hive" : "shared-safe",
                   is_skipped ? "skipped without --exclusive-hive" : ""});
  }
  return table.render(0);
}

}  // namespace

Result<std::string> dry_run_text(const DryRun& dry_run) {
  const std::string text = steps_text(dry_run);
  if (dry_run.backend != BackendKind::kKfd) {
    return text +
           fmt::format("controls\n  nothing real: {} is a model\n", to_string(dry_run.backend));
  }
  kfd::LinuxOs os;
  kfd::SafetyRequest request;
  request.verb = dry_run.verb;
  request.launches = true;
  request.exclusive_hive = dry_run.exclusive_hive;
  const auto plan = kfd::plan_safety(os, request);
  GPREEMPT_TRY(plan);
  return text + kfd::plan_text(*plan, request);
}

}  // namespace gpreempt::cli
