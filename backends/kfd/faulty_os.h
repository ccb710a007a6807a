#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "backends/kfd/abi.h"
#include "backends/kfd/forwarding_os.h"
#include "backends/kfd/mailbox.h"
#include "backends/kfd/os.h"
#include "core/fault.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// A port whose driver, files and clock fail as the real ones do. What it does to a call is
/// something that Linux or amdkfd can do to it.
///
/// Its kinds: interrupted (EINTR of a debug call, before the driver did it or after), busy (EBUSY
/// of ENABLE, as while another tool samples), lost-tracer (EPERM of SUSPEND and RESUME, and of the
/// snapshot after it), error-outcome (a bit of an id of SUSPEND or RESUME), invalid-outcome (of
/// SUSPEND, as for a queue that is new or being destroyed), lost-event (QUERY_DEBUG_EVENT says that
/// there is none although there is), long-call (9 s before SUSPEND or RESUME is
/// served), debugfs-gone, debugfs-malformed, activity-unread (`read_memory`), clock-step, frozen
/// (`wait` returns up to 3 s late).
class FaultyOs final : public ForwardingOs {
 public:
  /// Both must outlive it. `debugfs`: the folder whose files are the driver's.
  FaultyOs(Os& inner, Faults& faults, std::string debugfs = "/sys/kernel/debug/kfd")
      : ForwardingOs(inner), faults_(&faults), debugfs_(std::move(debugfs)) {}

  [[nodiscard]] Instant now() override { return inner().now() + ahead(); }
  [[nodiscard]] SysResult<std::size_t> wait(std::span<WaitFd> fds, Instant deadline) override;
  [[nodiscard]] SysResult<std::string> read_file(const std::string& path) override;
  [[nodiscard]] SysResult<long> ioctl(Fd fd, std::uint32_t request, void* arg) override;
  [[nodiscard]] SysResult<std::size_t> read_memory(Pid pid,
                                                   std::span<const MemoryRange> ranges) override;

 private:
  [[nodiscard]] Duration ahead() const { return Duration(ahead_ns_.load()); }
  [[nodiscard]] bool strike(FaultKind kind);
  [[nodiscard]] std::uint64_t choose(FaultKind kind, std::uint64_t bound);
  [[nodiscard]] SysResult<long> trap(Fd fd, std::uint32_t request, abi::TrapArgs& args);
  [[nodiscard]] bool has_event(Fd fd, std::uint32_t request, const abi::TrapArgs& args);
  [[nodiscard]] SysResult<long> change_queues(Fd fd, std::uint32_t request, abi::TrapArgs& args);

  Guarded<Faults*> faults_;
  std::string debugfs_;
  std::atomic<std::int64_t> ahead_ns_ = 0;
  std::atomic<bool> is_untraced_ = false;  ///< the next snapshot is refused as well
  /// The last call was done and said EINTR: the queues of its retry are suspended already, and no
  /// driver calls such a one invalid.
  std::atomic<bool> is_retry_ = false;
};

}  // namespace gpreempt::kfd
