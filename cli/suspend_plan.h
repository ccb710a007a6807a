#pragma once

#include <span>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/hold/blast_radius.h"
#include "backends/kfd/os.h"
#include "cli/suspend_options.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::cli {

/// What a suspend would do, found out without touching anybody.
struct SuspendPlan {
  std::vector<kfd::KfdProcess> targets;
  kfd::BlastRadius radius;
  std::vector<std::string> warnings;  ///< whole sentences
  std::string blind;                  ///< why others' queues cannot be seen; empty: they can
};

/// Reads sysfs and /proc. Blocks: as reading small files does. Errors: those of `kfd::find_targets`
/// and `kfd::list_kfd_processes`, kNoSuchDevice, kNoSuchQueue (a target has none, or not that one),
/// kInvalidArgument (queue ids of several targets).
[[nodiscard]] Result<SuspendPlan> make_plan(kfd::Os& os, const SuspendCommandOptions& options);

/// Refuses a plan that disturbs somebody who was not named. Errors: kInvalidArgument.
[[nodiscard]] Result<void> check_bystanders(const SuspendPlan& plan,
                                            const SuspendCommandOptions& options);

/// The pids that selectors mean now, ascending. Errors: those of `kfd::find_targets`.
[[nodiscard]] Result<std::vector<Pid>> find_all(kfd::Os& os,
                                                std::span<const std::string> selectors);

/// Whether a queue of a target is one that the plan takes off.
[[nodiscard]] bool is_meant(const kfd::abi::QueueSnapshotEntry& queue,
                            const SuspendCommandOptions& options);

[[nodiscard]] std::string plan_text(const SuspendPlan& plan, const SuspendCommandOptions& options);

}  // namespace gpreempt::cli
