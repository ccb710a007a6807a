#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "core/error.h"
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

/// Refuses, as `operation`, where a /proc is a container's own: which processes of the machine
/// these are cannot be told from inside. Errors: kNotPermitted; the text says what to do.
[[nodiscard]] Result<void> check_pid_view(Os& os, const std::string& proc,
                                          std::string_view operation);

/// The pid that a process has inside its own pid namespace; its own `pid`, if that is the /proc's.
/// nullopt: it has gone, or its kernel does not say.
[[nodiscard]] std::optional<Pid> inner_pid(Os& os, const std::string& proc, Pid pid);

/// The process that has the pid `inner` in a pid namespace. The namespace is that of `in`, any
/// other process in it: by its /proc/PID/ns/pid, or, where that cannot be read, by their container.
/// Errors: kProcessExited (there is none), kNotPermitted (as `check_pid_view`, or neither can be
/// read).
[[nodiscard]] Result<Pid> outer_pid(Os& os, const std::string& proc, Pid inner, Pid in);

/// A process's pids from the namespace of the /proc to its own; empty without "NSpid".
[[nodiscard]] std::vector<Pid> namespace_pids(const ProcessStatus& status);

}  // namespace gpreempt::kfd
