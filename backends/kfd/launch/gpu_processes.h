#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/target_selector.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// Where processes that use a GPU are looked for.
struct GpuProcessRoots {
  std::string device = "/dev/kfd";
  std::string sysfs = "/sys";
  std::string debugfs = "/sys/kernel/debug/kfd";
  SelectorRoots selectors;
};

/// Of these, the processes that have queues, in the order of their GPUs in `gpus` and then of their
/// pids. In a pid namespace of this process's own sysfs names other pids; there they are those that
/// have the device open, in the order of their pids. Blocks: as reading small files does.
[[nodiscard]] std::vector<Pid> with_queues(Os& os, const GpuProcessRoots& roots,
                                           const std::vector<Pid>& pids,
                                           const std::vector<GpuId>& gpus);

/// A GPU on which the process has queues and that is none of `gpus`; nullopt: there is none, or
/// sysfs does not show whose queues they are. Blocks: as reading small files does.
[[nodiscard]] std::optional<GpuId> gpu_outside(Os& os, const std::string& sysfs, Pid pid,
                                               const std::vector<GpuId>& gpus);

/// How long, and for how many, to wait.
struct GpuProcessWait {
  std::size_t wanted = 1;
  Duration patience{};
  Duration settle{};       ///< once they are there: for them to warm up
  Fd interrupted = kNoFd;  ///< `Os::signals`: readable when the user wants this process to end
  Fd ended = kNoFd;        ///< readable once there is nobody left to wait for
  /// Asked after each look; an application's own word that it is ready.
  std::function<bool()> is_ready;
  /// Asked after a look that has found nobody: why none of them ever will have queues, and what to
  /// do; empty: they may.
  std::function<std::string()> why_never;
};

/// Waits until as many of the processes that `find` names have queues as are wanted, and all is
/// ready. Errors: kTimedOut, kProcessExited (`ended` first), kInterrupted, kInvalidArgument (there
/// are more than wanted: which; nobody ever will be).
[[nodiscard]] Result<std::vector<Pid>> await_gpu_processes(
    Os& os, const GpuProcessRoots& roots, const std::vector<GpuId>& gpus,
    const std::function<std::vector<Pid>()>& find, const GpuProcessWait& wait);

}  // namespace gpreempt::kfd
