#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/sim/system.h"
#include "cli/hardware_gates.h"
#include "cli/policy_runs.h"
#include "cli/progress.h"
#include "cli/run_options.h"
#include "cli/worlds.h"
#include "core/error.h"
#include "experiments/verdict.h"

/// The proof of concept's test plan, T-1 to T-18 and its two further scenarios, as checks of a
/// world. docs/validate-hardware.md says how each is made.
namespace gpreempt::cli {

/// Where the checks take place, and how long they take.
struct Campaign {
  OpenMachine open;
  BackendChoice backend;
  sim::SystemOptions machine;  ///< of the checks that run no scenario
  Gates gates;
  bool full = false;  ///< the plan's counts and lengths; otherwise fewer and shorter
  std::uint64_t seed = 1;
  bool exclusive_hive = false;  ///< nobody else uses these GPUs or their hive
  Progress* progress = nullptr;
  kfd::Os* host = nullptr;               ///< of the machine with the GPUs; null: they are modelled
  std::string kernel_log = "/dev/kmsg";  ///< the host's; empty: it is not read
  BaselineStore baselines;
  /// Of the check that runs: how much shorter than the plan's its runs are; empty: as long.
  std::string scaled{};
};

/// What a check may do to others on the machine (docs/validate-hardware.md).
enum class SafetyTag {
  kSharedSafe,     ///< disturbs queues on one GPU, as any suspend does
  kExclusiveHive,  ///< takes all GPUs, or all that one can do
};
/// "shared-safe", "exclusive-hive".
[[nodiscard]] std::string_view to_string(SafetyTag tag);

struct HardwareCheck {
  std::string_view id;    ///< of the plan, "T-4"
  std::string_view plan;  ///< what it asks for, one sentence
  SafetyTag tag = SafetyTag::kSharedSafe;
  std::string_view also;  ///< contract tests of the rules behind it
  /// Errors: what keeps the world from being had or used.
  Result<std::vector<experiments::Verdict>> (*run)(Campaign& campaign);
};

/// All of them, in the order of the plan.
[[nodiscard]] std::span<const HardwareCheck> hardware_checks();

/// Those of these ids, or all if there are none. Errors: kInvalidArgument (names the nearest).
[[nodiscard]] Result<std::vector<const HardwareCheck*>> choose_checks(
    std::span<const std::string> ids);

/// Runs one. A check that needs the hive to itself and has not got it is one verdict `unavailable`
/// that says so; errors are verdicts where they are findings (`experiments::finding_of`). Each
/// verdict is named "ID/what", and carries backend, evidence, the tag and the plan's sentence.
/// Errors: all others.
[[nodiscard]] Result<std::vector<experiments::Verdict>> run_check(const HardwareCheck& check,
                                                                  Campaign& campaign);

/// Runs them one after another; after a failure of the hardware the rest is left out. Errors: those
/// of `run_check`.
[[nodiscard]] Result<std::vector<experiments::Verdict>> run_checks(
    std::span<const HardwareCheck* const> checks, Campaign& campaign);

/// The fact of a verdict that says how much shorter than the plan's its run was.
inline constexpr std::string_view kScaled = "scaled";
/// A reason of `unavailable` that begins so stands for a check that was not tried.
inline constexpr std::string_view kSkipped = "skipped: ";

}  // namespace gpreempt::cli
