#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/ids.h"
#include "experiments/files_os.h"

namespace gpreempt::experiments {

/// What a kernel shows of a process in /proc.
struct ShownProcess {
  Pid pid;
  Pid parent;
  std::string name;
  std::string cgroup = "/";
  std::optional<Pid> inner_pid;  ///< in a pid namespace of its own
  std::string environment;       ///< "NAME=value", or nothing
};

/// Writes /proc and /sys/fs/cgroup of a machine with these processes, seen from its initial
/// namespace by `observer`. Source: proc(5), cgroups(7).
void show(FilesOs& files, const std::vector<ShownProcess>& processes, Pid observer);

/// The lines in which the HIP runtime of a process logs its dispatches, for user queues with these
/// ids of the runtime: one queue's creation, and three dispatches for each, with the correlation
/// ids that are no queue ids.
[[nodiscard]] std::string runtime_log(Pid pid, const std::vector<unsigned>& ids);

}  // namespace gpreempt::experiments
