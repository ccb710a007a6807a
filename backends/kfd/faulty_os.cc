#include "backends/kfd/faulty_os.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "core/fault.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kFirmwarePatience = seconds(9);  // queue_preemption_timeout_ms

/// The ids that a SUSPEND or RESUME names, in the caller's memory.
std::span<std::uint32_t> ids_of(abi::TrapArgs& args) {
  const bool is_suspend = args.op == abi::TrapOp::kSuspendQueues;
  const std::uint64_t address =
      is_suspend ? args.suspend.queue_array_ptr : args.resume.queue_array_ptr;
  const std::uint32_t count = is_suspend ? args.suspend.num_queues : args.resume.num_queues;
  if (address == 0) {
    return {};
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr,cppcoreguidelines-pro-type-reinterpret-cast): the ABI
  return {reinterpret_cast<std::uint32_t*>(static_cast<std::uintptr_t>(address)), count};
}

bool changes_queues(const abi::TrapArgs& args) {
  return args.op == abi::TrapOp::kSuspendQueues || args.op == abi::TrapOp::kResumeQueues;
}

}  // namespace

bool FaultyOs::strike(FaultKind kind) {
  const Instant at = now();
  return faults_.with([&](Faults* faults) { return faults->strike(kind, at); });
}

std::uint64_t FaultyOs::choose(FaultKind kind, std::uint64_t bound) {
  return faults_.with([&](Faults* faults) { return faults->choose(kind, bound); });
}

SysResult<std::size_t> FaultyOs::wait(std::span<WaitFd> fds, Instant deadline) {
  if (strike(FaultKind::kClockStep)) {
    constexpr std::uint64_t kMostSeconds = 5;
    const Duration step =
        seconds(1 + static_cast<std::int64_t>(choose(FaultKind::kClockStep, kMostSeconds)));
    ahead_ns_ += to_ns(step);
  }
  auto ready = inner().wait(fds, deadline == kForever ? kForever : deadline - ahead());
  if (ready && strike(FaultKind::kFrozen)) {
    constexpr std::uint64_t kMostMilliseconds = 3000;
    const Duration frozen =
        milliseconds(1 + static_cast<std::int64_t>(choose(FaultKind::kFrozen, kMostMilliseconds)));
    if (auto slept = inner().wait({}, inner().now() + frozen); !slept) {
      return slept;
    }
  }
  return ready;
}

SysResult<std::string> FaultyOs::read_file(const std::string& path) {
  const bool is_drivers = path.starts_with(debugfs_ + "/");
  if (is_drivers && strike(FaultKind::kDebugfsGone)) {
    return sys_fail(choose(FaultKind::kDebugfsGone, 2) == 0 ? ENOENT : EACCES);
  }
  auto text = inner().read_file(path);
  if (is_drivers && text && !text->empty() && strike(FaultKind::kDebugfsMalformed)) {
    const std::size_t at = choose(FaultKind::kDebugfsMalformed, text->size());
    if (choose(FaultKind::kDebugfsMalformed, 2) == 0) {
      text->resize(at);
    } else {
      (*text)[at] = '?';
    }
  }
  return text;
}

SysResult<std::size_t> FaultyOs::read_memory(Pid pid, std::span<const MemoryRange> ranges) {
  if (strike(FaultKind::kActivityUnread)) {
    return sys_fail(choose(FaultKind::kActivityUnread, 2) == 0 ? EFAULT : EPERM);
  }
  return inner().read_memory(pid, ranges);
}

SysResult<long> FaultyOs::ioctl(Fd fd, std::uint32_t request, void* arg) {
  if (request != abi::kDbgTrap) {
    return inner().ioctl(fd, request, arg);
  }
  return trap(fd, request, *static_cast<abi::TrapArgs*>(arg));
}

SysResult<long> FaultyOs::trap(Fd fd, std::uint32_t request, abi::TrapArgs& args) {
  using Op = abi::TrapOp;
  if (args.op == Op::kEnable && strike(FaultKind::kBusy)) {
    return sys_fail(EBUSY);
  }
  if (args.op == Op::kQueryDebugEvent && has_event(fd, request, args) &&
      strike(FaultKind::kLostEvent)) {
    return sys_fail(EAGAIN);
  }
  if (args.op == Op::kGetQueueSnapshot && is_untraced_.exchange(false)) {
    return sys_fail(EPERM);
  }
  if (changes_queues(args)) {
    return change_queues(fd, request, args);
  }
  // Both end in the driver's first lock, before anything was done.
  const bool may_be_interrupted = args.op == Op::kEnable || args.op == Op::kGetQueueSnapshot;
  if (may_be_interrupted && strike(FaultKind::kInterrupted)) {
    return sys_fail(EINTR);
  }
  return inner().ioctl(fd, request, &args);
}

/// Asked without clearing anything, so that it stays for a later question.
bool FaultyOs::has_event(Fd fd, std::uint32_t request, const abi::TrapArgs& args) {
  abi::TrapArgs look = args;
  look.query_event.exception_mask = 0;
  return inner().ioctl(fd, request, &look).has_value();
}

SysResult<long> FaultyOs::change_queues(Fd fd, std::uint32_t request, abi::TrapArgs& args) {
  if (strike(FaultKind::kLostTracer)) {
    is_untraced_ = true;
    return sys_fail(EPERM);
  }
  const bool is_interrupted = strike(FaultKind::kInterrupted);
  if (is_interrupted && choose(FaultKind::kInterrupted, 2) == 0) {
    return sys_fail(EINTR);
  }
  if (strike(FaultKind::kLongCall)) {
    if (const auto waited = inner().wait({}, inner().now() + kFirmwarePatience); !waited) {
      return tl::unexpected<SysError>(waited.error());
    }
  }
  const std::span<std::uint32_t> ids = ids_of(args);
  std::optional<std::size_t> hidden;
  std::uint32_t hidden_id = 0;
  const bool is_suspend = args.op == abi::TrapOp::kSuspendQueues;
  if (!is_retry_.exchange(false) && !is_interrupted && is_suspend && !ids.empty() &&
      strike(FaultKind::kInvalidOutcome)) {
    constexpr std::uint32_t kNobodys = 0x3ffffffe;
    hidden = choose(FaultKind::kInvalidOutcome, ids.size());
    hidden_id = std::exchange(ids[*hidden], kNobodys);
  }
  auto done = inner().ioctl(fd, request, &args);
  if (hidden) {
    ids[*hidden] = hidden_id | abi::kQueueInvalid;
  }
  if (done && !is_interrupted && !ids.empty() && strike(FaultKind::kErrorOutcome)) {
    std::uint32_t& id = ids[choose(FaultKind::kErrorOutcome, ids.size())];
    if ((id & abi::kQueueInvalid) == 0) {
      id |= abi::kQueueError;
      *done = std::max(*done - 1, 0L);
    }
  }
  if (is_interrupted) {
    is_retry_ = true;
    for (std::uint32_t& id : ids) {
      id &= ~(abi::kQueueInvalid | abi::kQueueError);  // nothing is copied out
    }
    return sys_fail(EINTR);
  }
  return done;
}

}  // namespace gpreempt::kfd
