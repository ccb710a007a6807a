#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/activity.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// Whether this process has the pids that the driver's files show: those of the initial namespace.
/// nullopt: /proc does not say.
[[nodiscard]] std::optional<bool> has_initial_pids(Os& os);

/// Where sysfs lists the queues of a process, a folder by the name of each id.
[[nodiscard]] std::string queue_folder(const std::string& sysfs_root, Pid pid);

/// The queues of a process as sysfs shows them, highest id first: id, GPU, ring size and kind; no
/// addresses. A process that has not opened the device has none. A queue that goes meanwhile is
/// left out. Errors: kParse (a text that it does not know), kIo.
/// Source: drivers/gpu/drm/amd/amdkfd/kfd_process.c, kfd_procfs_add_queue.
[[nodiscard]] Result<std::vector<abi::QueueSnapshotEntry>> scan_queues(
    Os& os, const std::string& sysfs_root, Pid pid);

/// The same of any folder that lists queues as `queue_folder` does.
[[nodiscard]] Result<std::vector<abi::QueueSnapshotEntry>> scan_queue_folder(
    Os& os, const std::string& folder);

/// The rings of a process's compute queues, from debugfs. Blocks: as long as the driver takes to
/// print every process' queues. Errors: kParse, kIo (not mounted, or not readable: root's).
[[nodiscard]] Result<std::vector<RingPlace>> find_rings(Os& os, const std::string& debugfs,
                                                        Pid pid);

}  // namespace gpreempt::kfd
