#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/discovery/stable_process.h"
#include "backends/kfd/hold/hold.h"
#include "backends/kfd/hold/resume_socket.h"
#include "backends/kfd/os.h"
#include "cli/exit_code.h"
#include "cli/suspend_options.h"
#include "cli/suspend_plan.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::cli {

/// A line on stderr, at once.
void say(std::string_view text);

/// Starts the watchdog and carries the plan out, under a guard. Blocks: for its limit. Errors:
/// those of `open_supervised` and `hold`; nothing is suspended then. `held`: the plan's targets, or
/// some of them; those that are not among them are left alone. Empty: all are meant.
[[nodiscard]] Result<kfd::HoldReport> run_suspend(kfd::Os& os, const SuspendPlan& plan,
                                                  const SuspendCommandOptions& options,
                                                  std::span<const kfd::StableProcess> held = {});

/// The processes that selectors mean, each held by its pidfd. Errors: those of `hold_targets`.
[[nodiscard]] Result<std::vector<kfd::StableProcess>> hold_all(
    kfd::Os& os, std::span<const std::string> selectors);

/// What became of one target of `gpreempt resume`.
struct ResumeResult {
  Pid pid;
  Pid holder;  ///< 0: nobody traces it
  bool was_asked = false;
  kfd::ResumeAnswer answer;
};

/// `code` becomes the worst of them. Blocks: until all holders have answered.
[[nodiscard]] std::vector<ResumeResult> run_resume(kfd::Os& os, const std::vector<Pid>& pids,
                                                   const ResumeCommandOptions& options,
                                                   ExitCode& code);

}  // namespace gpreempt::cli
