#include "cli/own_processes.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "backends/kfd/os.h"
#include "backends/kfd/safety/safety_plan.h"
#include "cli/run_options.h"
#include "cli/supervision.h"
#include "cli/suspend_plan.h"
#include "cli/table.h"
#include "config/document.h"
#include "core/error.h"

namespace gpreempt::cli {
namespace {

std::string steps_text(const PlannedSteps& planned) {
  Table table({"would run", "tag", ""});
  for (const PlannedStep& step : planned.steps) {
    const bool is_skipped = step.needs_hive && !planned.exclusive_hive;
    table.add_row({step.name, std::string(safety_tag(step.needs_hive)),
                   is_skipped ? "skipped without --exclusive-hive" : ""});
  }
  return table.render(0);
}

Result<kfd::SafetyRequest> request_of(kfd::Os& os, const PlannedSteps& planned) {
  kfd::SafetyRequest request;
  request.verb = planned.verb;
  request.launches = true;
  request.exclusive_hive = planned.exclusive_hive;
  request.allow_bystanders = planned.allow_bystanders;
  request.trouble = trouble_of(planned.safety);
  if (!planned.bystanders.empty()) {
    GPREEMPT_TRY(store(request.named, find_all(os, planned.bystanders)));
  }
  return request;
}

}  // namespace

std::string_view safety_tag(bool needs_hive) {
  return needs_hive ? "exclusive-hive" : "shared-safe";
}

Result<std::string> dry_run_text(kfd::Os& os, const PlannedSteps& planned) {
  const std::string text = steps_text(planned);
  if (planned.backend != BackendKind::kKfd) {
    return text +
           fmt::format("controls\n  nothing real: {} is a model\n", to_string(planned.backend));
  }
  const auto request = request_of(os, planned);
  GPREEMPT_TRY(request);
  const auto plan = kfd::plan_safety(os, *request);
  GPREEMPT_TRY(plan);
  return text + kfd::plan_text(*plan, *request);
}

Result<void> check_others(kfd::Os& os, const PlannedSteps& planned) {
  if (planned.backend != BackendKind::kKfd) {
    return {};
  }
  const auto request = request_of(os, planned);
  GPREEMPT_TRY(request);
  const auto plan = kfd::plan_safety(os, *request);
  GPREEMPT_TRY(plan);
  return kfd::check_safety(*plan, *request);
}

}  // namespace gpreempt::cli
