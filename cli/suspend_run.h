#pragma once

#include <string>
#include <string_view>
#include <vector>

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

/// Starts the watchdog and carries the plan out. Blocks: for its limit. Errors: those of
/// `Heartbeat::start`, `open_backend` and `hold`; nothing is suspended then.
[[nodiscard]] Result<kfd::HoldReport> run_suspend(kfd::Os& os, const SuspendPlan& plan,
                                                  const SuspendCommandOptions& options);

/// What became of one target of `gpreempt resume`.
struct ResumeResult {
  Pid pid;
  Pid holder;  ///< 0: nobody traces it
  kfd::ResumeAnswer answer;
};

/// `code` becomes the worst of them. Blocks: until all holders have answered.
[[nodiscard]] std::vector<ResumeResult> run_resume(kfd::Os& os, const std::vector<Pid>& pids,
                                                   const ResumeCommandOptions& options,
                                                   ExitCode& code);

}  // namespace gpreempt::cli
