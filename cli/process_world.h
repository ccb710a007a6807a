#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/supervised.h"
#include "cli/process_options.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/summary.h"
#include "cli/worlds.h"
#include "core/error.h"

/// `gpreempt run --backend kfd`: real processes on this machine's GPUs.
namespace gpreempt::cli {

/// Who does whose work, by the name of the tenant.
using Commands = std::map<std::string, kfd::TenantCommand>;

/// Whether any of them is started here. Only then does it matter which GPUs this process's
/// environment shows to programs; processes that run already have an environment of their own.
[[nodiscard]] bool starts_commands(const Commands& commands);

/// How the controller of these processes is opened.
[[nodiscard]] kfd::SupervisionOptions controller_options(kfd::Os& os, const ProcessOptions& options,
                                                         const Commands& commands);

/// What --dry-run prints: who does which tenant's work, and whom that disturbs. Touches nobody.
/// Errors: those of `bind_processes`, of `hip_command` and of `kfd::plan_safety`.
[[nodiscard]] Result<std::string> process_plan(const RunOptions& options, const RunSetup& setup);

/// Checks that it is safe and lets `body` run with testbeds of these processes. What is known of
/// the machine, and what to look at before the results are trusted, goes into `measured`. Each step
/// is said on stderr. Blocks: until `body` returns. Errors: those of `process_plan`, of
/// `kfd::check_safety`, of `kfd::open_supervised` and of `body`; kInvalidArgument (the scenario
/// wants more GPUs than there are).
[[nodiscard]] Result<void> run_on_processes(
    const RunOptions& options, const RunSetup& setup,
    const std::function<Result<void>(const OpenTestbed&)>& body, MeasuredOn& measured);

}  // namespace gpreempt::cli
