#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// The DBG_TRAP operations on one process, typed. Each call fills its arguments anew, because the
/// kernel copies them back on errors too, and repeats EINTR, nothing else. All calls block as long
/// as the driver does. On kernels before 6.12.107 they must come from the thread that traces the
/// target; its file must have been opened by this process.
///
/// The driver finds a process by the memory of the thread that is named. A leader that has exited
/// while its other threads live has none: then one of those is named, once per call.
class DbgTrap {
 public:
  DbgTrap(Os& os, Fd kfd, Pid target) : os_(&os), kfd_(kfd), target_(target) {}

  /// Errors: EALREADY (another debugger), EPERM (not traced by this thread), ESRCH, ENODEV, EBUSY,
  /// EINVAL (the driver runs without the firmware scheduler).
  [[nodiscard]] SysResult<abi::RuntimeInfo> enable(std::uint64_t exceptions, Fd notify);
  /// Ends the debug session; the driver resumes every suspended queue.
  [[nodiscard]] SysResult<void> disable();
  [[nodiscard]] SysResult<void> set_exceptions_enabled(std::uint64_t exceptions);

  /// Passes exceptions on to the target's runtime; `kProcessRuntime` lets a target go on that waits
  /// inside its runtime's start or end.
  [[nodiscard]] SysResult<void> send_runtime_event(const abi::TrapQueryEvent& event);

  /// The next pending exception, all of whose bits are cleared. Errors: EAGAIN (none).
  [[nodiscard]] SysResult<abi::TrapQueryEvent> query_event();

  /// Every user queue, newest first; makes the driver forget that they are new. One call, unless
  /// there are more queues than at the last call and some.
  [[nodiscard]] SysResult<std::vector<abi::QueueSnapshotEntry>> snapshot();

  /// One SUSPEND_QUEUES. `ids`: 1 to 1024, no duplicates, no status bits. Returns one outcome per
  /// id, by index. An id that comes back changed counts as `kError`. Errors: EPERM (not traced, or
  /// the target's runtime is not enabled), ESRCH, EINVAL.
  [[nodiscard]] SysResult<std::vector<Outcome>> suspend(std::span<const std::uint32_t> ids,
                                                        std::uint32_t grace_period);
  /// One RESUME_QUEUES; as `suspend`. The waves run some time after it returns.
  [[nodiscard]] SysResult<std::vector<Outcome>> resume(std::span<const std::uint32_t> ids);

  /// Whether the last call was repeated after EINTR. The driver may have carried out the attempt
  /// that a signal interrupted, whatever the call returned in the end.
  [[nodiscard]] bool was_interrupted() const { return interrupted_; }

 private:
  template <class Fill>
  SysResult<long> call(abi::TrapOp op, abi::TrapArgs& args, Fill fill);
  /// A thread of the target besides its leader, or the leader if there is none.
  [[nodiscard]] Tid other_thread() const;

  Os* os_;
  Fd kfd_;
  Pid target_;
  bool interrupted_ = false;
  std::size_t capacity_ = 16;  ///< of the next snapshot
};

/// Error of a DBG_TRAP call in words: what it means and what to do. `operation` as in "suspend".
[[nodiscard]] Error trap_error(const std::string& operation, Pid target, SysError error);

}  // namespace gpreempt::kfd
