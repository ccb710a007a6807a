#pragma once

#include <utility>
#include <vector>

#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/os.h"
#include "backends/kfd/target_selector.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// A process that was meant by a selector, and its pidfd: while it is held, its pid is either this
/// process's or nobody's one can act on unnoticed, for the pidfd is readable once it has exited.
class StableProcess {
 public:
  /// Owns `pidfd`; `os` must outlive it.
  StableProcess(Os& os, Pid pid, Fd pidfd) : os_(&os), pid_(pid), pidfd_(pidfd) {}
  StableProcess(StableProcess&& other) noexcept
      : os_(other.os_), pid_(other.pid_), pidfd_(std::exchange(other.pidfd_, kNoFd)) {}
  StableProcess& operator=(StableProcess&& other) noexcept {
    std::swap(os_, other.os_);
    std::swap(pid_, other.pid_);
    std::swap(pidfd_, other.pidfd_);
    return *this;
  }
  StableProcess(const StableProcess&) = delete;
  StableProcess& operator=(const StableProcess&) = delete;
  ~StableProcess() {
    if (pidfd_ != kNoFd) {
      os_->close(pidfd_);
    }
  }

  [[nodiscard]] Pid pid() const { return pid_; }
  [[nodiscard]] Fd pidfd() const { return pidfd_; }

 private:
  Os* os_;
  Pid pid_;
  Fd pidfd_;
};

/// `find_targets`, safe against pids that are reused meanwhile: each process is held by its pidfd,
/// and then looked for once more. Who is not meant any more, has started at another time
/// (/proc/PID/stat) or has come or gone in the driver's list has gone, and is left out. Blocks: as
/// reading small files does. Errors: those of `find_targets`, kProcessExited if none is left.
[[nodiscard]] Result<std::vector<StableProcess>> hold_targets(Os& os,
                                                              const TargetSelector& selector,
                                                              const DiscoveryRoots& roots = {});

}  // namespace gpreempt::kfd
