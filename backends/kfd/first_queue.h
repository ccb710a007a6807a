#pragma once

#include <string>

#include "backends/kfd/os.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// Whether the process has a user queue, by the driver's sysfs tree: a question that disturbs
/// neither the process nor a GPU. The tree has the pids of the initial namespace.
[[nodiscard]] bool has_queue(Os& os, const std::string& sysfs_root, Pid pid);

}  // namespace gpreempt::kfd
