#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "backends/kfd/os.h"

namespace gpreempt::kfd {

/// /proc/WHO/status by its keys, e.g. "TracerPid". Blanks at a value's begin are dropped, tabs in
/// it are blanks, and it is `printable`.
using ProcessStatus = std::map<std::string, std::string, std::less<>>;

/// `who`: a pid, a thread's number or "self". Errors: those of `Os::read_file`.
/// Source: proc_pid_status(5).
[[nodiscard]] SysResult<ProcessStatus> read_process_status(Os& os, std::string_view proc_root,
                                                           std::string_view who);

/// `text` with '?' for what would command a terminal: a process chooses its name, and others print
/// it.
[[nodiscard]] std::string printable(std::string text);

/// The value of a key; empty without one.
[[nodiscard]] std::string value_of(const ProcessStatus& status, std::string_view key);

}  // namespace gpreempt::kfd
