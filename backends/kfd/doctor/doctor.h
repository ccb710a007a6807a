#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "core/ids.h"

/// What on a machine keeps the KFD client from preempting, or makes its results doubtful. Each
/// check reads one thing and judges it; docs/doctor.md lists them all.
namespace gpreempt::kfd::doctor {

/// From good to bad; a list of findings is as bad as its worst.
enum class Verdict {
  kOk,
  kNote,     ///< nothing is wrong, but it changes what to expect
  kUnknown,  ///< it could not be looked at, or cannot be seen from here
  kWarning,  ///< preemption works, and something about it is not as it should be
  kBlocked,  ///< preemption cannot work, or must not be tried
};
/// "ok", "note", "unknown", "warning", "blocked".
[[nodiscard]] std::string_view to_string(Verdict verdict);

struct Finding {
  std::string id;       ///< of the check; stays the same over versions
  std::string subject;  ///< what was looked at: "driver", "GPU f7bc", "pid 4711"
  Verdict verdict = Verdict::kOk;
  std::string reason;  ///< what was seen, and where
  std::string fix;     ///< what to do; empty if there is nothing
};

struct DoctorOptions {
  std::string device = "/dev/kfd";
  /// The process that is to be preempted; without it nothing is said about one.
  std::optional<Pid> pid;
  /// The files are another machine's: nothing is asked of this one's kernel but to read them.
  bool saved_tree = false;
};

/// Runs every check, in the order of the documentation; a check finds something once per GPU if it
/// is about GPUs. Changes nothing: opens the device and asks for its version, but attaches to
/// nobody. Blocks: as reading some hundred small files does.
[[nodiscard]] std::vector<Finding> examine(Os& os, const DoctorOptions& options);

/// The worst verdict; kOk of none.
[[nodiscard]] Verdict overall(std::span<const Finding> findings);

/// The id of every check, in order.
[[nodiscard]] std::vector<std::string_view> check_ids();

}  // namespace gpreempt::kfd::doctor
