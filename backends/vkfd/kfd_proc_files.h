#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/sim/system.h"

namespace gpreempt::vkfd {

/// What amdkfd shows of processes in /sys/class/kfd/kfd/proc. `list_kfd_proc` gives the names in a
/// folder, sorted as text: of "proc" the pids, of "proc/PID" one file "vram_GPU" for each GPU that
/// the process may use and the folder "queues", of "proc/PID/queues" the ids. nullopt for every
/// other path; ENOENT without such a process.
/// Source: drivers/gpu/drm/amd/amdkfd/kfd_process.c, kfd_procfs_add_sysfs_files and
/// kfd_procfs_add_queue.
[[nodiscard]] std::optional<kfd::SysResult<std::vector<std::string>>> list_kfd_proc(
    sim::System& system, std::string_view path);
/// The text of "proc/PID/vram_GPU" (no memory is modelled: 0) and of a queue's "gpuid", "size" and
/// "type".
[[nodiscard]] std::optional<kfd::SysResult<std::string>> read_kfd_proc(sim::System& system,
                                                                       std::string_view path);

}  // namespace gpreempt::vkfd
