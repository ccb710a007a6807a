#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// Where discovery reads.
struct DiscoveryRoots {
  std::string proc = "/proc";
  std::string sysfs = "/sys";
  std::string debugfs = "/sys/kernel/debug/kfd";
  std::string cgroup = "/sys/fs/cgroup";
};

/// A process that has /dev/kfd open, and what is known of it. What cannot be read is empty.
struct KfdProcess {
  Pid pid;           ///< of the initial pid namespace, in which the driver counts
  std::string name;  ///< of its program, 15 characters of it
  Pid parent;        ///< 0: none, or not known
  std::string cgroup;
  std::string container;     ///< its container's whole id, see `container_of`
  std::vector<Pid> ns_pids;  ///< its pid in each namespace that it is in, the initial one first
  Pid tracer;                ///< the thread that traces it; 0: none, or not known
  /// GPUs of which the driver keeps something for it, whether it has queues there or not: enabling
  /// a debug session preempts all of these. Ascending.
  std::vector<GpuId> gpus;
  std::vector<abi::QueueSnapshotEntry> queues;  ///< see `scan_queues`
  /// Those of its secondary contexts (Linux 7), whose ids are each context's own.
  std::vector<abi::QueueSnapshotEntry> context_queues;
};

/// Everyone whom the driver knows, by pid. Who goes meanwhile is left out. Blocks: as reading small
/// files does. Errors: kNoSuchDevice (there is no driver), kParse (a text that it does not know),
/// kIo.
/// Source: drivers/gpu/drm/amd/amdkfd/kfd_process.c, kfd_procfs_init and
/// kfd_procfs_add_sysfs_files.
[[nodiscard]] Result<std::vector<KfdProcess>> list_kfd_processes(Os& os,
                                                                 const DiscoveryRoots& roots = {});

/// Fills in what /proc says of `process.pid`; needs a /proc of the initial namespace.
void read_proc_facts(Os& os, const std::string& proc, KfdProcess& process);

/// The path that /proc/PID/cgroup names: the unified hierarchy's, or, where that is at its root,
/// the device controller's. Source: cgroups(7).
[[nodiscard]] std::string cgroup_of(std::string_view text);

/// The id (64 hexadecimal digits) of the container that a control group belongs to, the innermost
/// of several; empty: none, or of a runtime that does not name its groups so. Docker, Podman,
/// containerd and CRI-O do, under systemd and without, with Kubernetes or without.
[[nodiscard]] std::string container_of(std::string_view cgroup);

}  // namespace gpreempt::kfd
