#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/hold/blast_radius.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/trouble_watch.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// What somebody wants to do to a machine's GPUs, as far as it matters to others on it.
struct SafetyRequest {
  std::string verb;          ///< for messages: "run"
  std::vector<Pid> targets;  ///< to be controlled
  std::vector<Pid> named;    ///< others who may be disturbed: Online, --bystander
  /// It also starts processes and controls them: any GPU may be theirs.
  bool launches = false;
  /// It may hang a GPU or take all that one can do.
  bool is_risky = false;
  bool allow_bystanders = false;
  bool exclusive_hive = false;  ///< the user says that nobody else uses these GPUs or their hive
  TroubleOptions trouble;       ///< what is watched, and since when all must have been well
  DiscoveryRoots roots;
};

/// Whom it would disturb, found out without touching anybody.
struct SafetyPlan {
  std::vector<KfdProcess> targets;
  BlastRadius radius;
  std::string blind;             ///< why others' queues cannot be seen; empty: they can
  std::optional<Error> trouble;  ///< the kernel's log cannot be watched, or there was some lately
  std::size_t gpus_with_counts = 0;   ///< that show their error counts
  std::vector<std::string> warnings;  ///< whole sentences
};

/// Reads sysfs, /proc and the kernel's log. Blocks: as reading small files does. Errors: those of
/// `read_topology` and `list_kfd_processes`.
[[nodiscard]] Result<SafetyPlan> plan_safety(Os& os, const SafetyRequest& request);

/// Refuses what is not safe: a bystander that was not named (unless --allow-bystanders); with
/// --exclusive-hive, anybody else on these GPUs or their hive, whatever else was said; what is
/// risky without --exclusive-hive; a kernel log that should be watched and cannot be; trouble that
/// is not long enough ago. Errors: kInvalidArgument, those of `KernelLog::open`, kHardwareFailure.
[[nodiscard]] Result<void> check_safety(const SafetyPlan& plan, const SafetyRequest& request);

/// The part of `check_safety` that is about others. Errors: kInvalidArgument.
[[nodiscard]] Result<void> check_bystanders(const BlastRadius& radius, std::string_view blind,
                                            const SafetyRequest& request);

/// "preempts", "disturbs": a line for each GPU and each bystander.
[[nodiscard]] std::string radius_text(const BlastRadius& radius, std::string_view blind);

/// All of the plan, and what is watched.
[[nodiscard]] std::string plan_text(const SafetyPlan& plan, const SafetyRequest& request);

}  // namespace gpreempt::kfd
