#pragma once

#include <string>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// Whose pids a /proc shows. The driver's files have those of the initial pid namespace.
enum class PidView {
  kInitial,  ///< every process of the machine, by the driver's pids
  kOther,    ///< a container's own: the same numbers are other processes
  kUnknown,  ///< it does not say, as in a saved tree of few files
};
/// Source: PROC_PID_INIT_INO of include/linux/proc_ns.h; kthreadd is process 2 of the initial
/// namespace and of no other.
[[nodiscard]] PidView pid_view(Os& os, const std::string& proc);

/// A process's pids from the namespace of the /proc to its own; empty without "NSpid".
[[nodiscard]] std::vector<Pid> namespace_pids(const ProcessStatus& status);

}  // namespace gpreempt::kfd
