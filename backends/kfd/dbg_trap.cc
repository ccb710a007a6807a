#include "backends/kfd/dbg_trap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mutant.h"

namespace gpreempt::kfd {
namespace {

/// The snapshot asks for this many entries more than the last one had.
constexpr std::size_t kSnapshotSlack = 16;

std::uint64_t address_of(const void* object) {
  return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(object));
}

Outcome decode(std::uint32_t sent, std::uint32_t returned) {
  if ((returned & abi::kQueueIdMask) != sent ||
      ((returned & abi::kQueueError) != 0 && !GPREEMPT_MUTANT("error-bit-ignored"))) {
    return Outcome::kError;
  }
  return (returned & abi::kQueueInvalid) != 0 && !GPREEMPT_MUTANT("invalid-bit-ignored")
             ? Outcome::kInvalid
             : Outcome::kOk;
}

std::vector<Outcome> decode(std::span<const std::uint32_t> sent,
                            std::span<const std::uint32_t> returned) {
  std::vector<Outcome> outcomes(sent.size());
  std::transform(sent.begin(), sent.end(), returned.begin(), outcomes.begin(),
                 [](std::uint32_t id, std::uint32_t back) { return decode(id, back); });
  return outcomes;
}

void check_ids(std::span<const std::uint32_t> ids) {
  GPREEMPT_CHECK(!ids.empty() && ids.size() <= abi::kMaxQueues);
  std::vector<std::uint32_t> sorted;
  if (!std::is_sorted(ids.begin(), ids.end())) {
    sorted.assign(ids.begin(), ids.end());
    std::sort(sorted.begin(), sorted.end());
    ids = sorted;
  }
  GPREEMPT_CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
  GPREEMPT_CHECK(ids.back() <= abi::kQueueIdMask);
}

}  // namespace

template <class Fill>
SysResult<long> DbgTrap::call(abi::TrapOp op, abi::TrapArgs& args, Fill fill) {
  Tid thread = target_.value();
  interrupted_ = false;
  for (;;) {
    args = abi::TrapArgs{};
    args.pid = static_cast<std::uint32_t>(thread);
    args.op = op;
    fill(args);
    auto result = os_->ioctl(kfd_, abi::kDbgTrap, &args);
    const int number = result ? 0 : result.error().number;
    interrupted_ = interrupted_ || number == EINTR;
    const bool by_leader = thread == target_.value();
    if (number == ESRCH && by_leader) {
      thread = GPREEMPT_MUTANT("leader-only-asked") ? thread : other_thread();
    }
    if ((number != EINTR || GPREEMPT_MUTANT("eintr-not-retried")) &&
        (number != ESRCH || !by_leader || thread == target_.value())) {
      return result;
    }
  }
}

Tid DbgTrap::other_thread() const {
  const auto threads = os_->list_dir(fmt::format("/proc/{}/task", target_));
  for (const std::string& name : threads.value_or(std::vector<std::string>())) {
    const auto thread = whole_number<Tid>(name);
    if (thread && *thread != target_.value()) {
      return *thread;
    }
  }
  return target_.value();
}

SysResult<abi::RuntimeInfo> DbgTrap::enable(std::uint64_t exceptions, Fd notify) {
  abi::RuntimeInfo info;
  abi::TrapArgs args;
  const auto result = call(abi::TrapOp::kEnable, args, [&](abi::TrapArgs& fresh) {
    fresh.enable = {.exception_mask = exceptions,
                    .rinfo_ptr = address_of(&info),
                    .rinfo_size = sizeof info,
                    .dbg_fd = static_cast<std::uint32_t>(notify)};
  });
  return result.map([&](long) { return info; });
}

SysResult<void> DbgTrap::disable() {
  abi::TrapArgs args;
  return call(abi::TrapOp::kDisable, args, [](abi::TrapArgs&) {}).map([](long) {});
}

SysResult<void> DbgTrap::set_exceptions_enabled(std::uint64_t exceptions) {
  abi::TrapArgs args;
  const auto result = call(abi::TrapOp::kSetExceptionsEnabled, args, [&](abi::TrapArgs& fresh) {
    fresh.set_exceptions = {.exception_mask = exceptions};
  });
  return result.map([](long) {});
}

SysResult<void> DbgTrap::send_runtime_event(const abi::TrapQueryEvent& event) {
  abi::TrapArgs args;
  const auto result = call(abi::TrapOp::kSendRuntimeEvent, args, [&](abi::TrapArgs& fresh) {
    fresh.send_runtime_event = {
        .exception_mask = event.exception_mask, .gpu_id = event.gpu_id, .queue_id = event.queue_id};
  });
  return result.map([](long) {});
}

SysResult<abi::TrapQueryEvent> DbgTrap::query_event() {
  abi::TrapArgs args;
  const auto result = call(abi::TrapOp::kQueryDebugEvent, args, [](abi::TrapArgs& fresh) {
    fresh.query_event.exception_mask = ~std::uint64_t{0};
  });
  return result.map([&](long) { return args.query_event; });
}

SysResult<std::vector<abi::QueueSnapshotEntry>> DbgTrap::snapshot() {
  // Entries of every pass count: the driver reports NEW once, and a pass clears it only on the
  // entries it filled. The last pass holds all queues, so it alone is returned.
  for (;;) {
    std::vector<abi::QueueSnapshotEntry> entries(capacity_);
    abi::TrapArgs args;
    const auto result = call(abi::TrapOp::kGetQueueSnapshot, args, [&](abi::TrapArgs& fresh) {
      fresh.snapshot = {.exception_mask = abi::kQueueNew,
                        .snapshot_buf_ptr = address_of(entries.data()),
                        .num_queues = static_cast<std::uint32_t>(entries.size()),
                        .entry_size = sizeof(abi::QueueSnapshotEntry)};
    });
    if (!result) {
      return tl::unexpected<SysError>(result.error());
    }
    const std::size_t count = args.snapshot.num_queues;
    const bool fits = count <= entries.size() || GPREEMPT_MUTANT("snapshot-not-grown");
    capacity_ = std::max(capacity_, count + kSnapshotSlack);
    if (fits) {
      entries.resize(count);
      return entries;
    }
  }
}

SysResult<std::vector<Outcome>> DbgTrap::suspend(std::span<const std::uint32_t> ids,
                                                 std::uint32_t grace_period) {
  check_ids(ids);
  std::vector<std::uint32_t> array;
  abi::TrapArgs args;
  const auto result = call(abi::TrapOp::kSuspendQueues, args, [&](abi::TrapArgs& fresh) {
    if (array.empty() || !GPREEMPT_MUTANT("outcome-bits-kept")) {
      array.assign(ids.begin(), ids.end());
    }
    fresh.suspend = {.exception_mask = 0,
                     .queue_array_ptr = address_of(array.data()),
                     .num_queues = static_cast<std::uint32_t>(array.size()),
                     .grace_period = grace_period};
  });
  return result.map([&](long) { return decode(ids, array); });
}

SysResult<std::vector<Outcome>> DbgTrap::resume(std::span<const std::uint32_t> ids) {
  check_ids(ids);
  std::vector<std::uint32_t> array;
  abi::TrapArgs args;
  const auto result = call(abi::TrapOp::kResumeQueues, args, [&](abi::TrapArgs& fresh) {
    array.assign(ids.begin(), ids.end());
    fresh.resume.queue_array_ptr = address_of(array.data());
    fresh.resume.num_queues = static_cast<std::uint32_t>(array.size());
  });
  return result.map([&](long) { return decode(ids, array); });
}

Error trap_error(const std::string& operation, Pid target, SysError error) {
  const auto make = [&](Errc code, std::string_view reason) {
    return Error{.code = code,
                 .sys_errno = error.number,
                 .what = fmt::format("{} on pid {}: {}", operation, target, reason)};
  };
  switch (error.number) {
    case ESRCH: return make(Errc::kProcessExited, "the process is gone or never opened /dev/kfd");
    case EPERM:
      return make(Errc::kNotPermitted,
                  "not traced by the calling thread (EPERM); attach to it again");
    case EALREADY:
      return make(Errc::kBusy,
                  "another debugger holds it (EALREADY); end rocgdb or the other controller");
    case EBUSY:
      return make(Errc::kBusy, "the driver is busy (EBUSY), e.g. PC sampling or GWS; try later");
    case ENODEV: return make(Errc::kUnsupported, "one of its GPUs has no queue debugging (ENODEV)");
    case EINVAL:
      return make(Errc::kUnsupported,
                  "refused (EINVAL): no debug session, or amdgpu.sched_policy=2 is set");
    case EBADF: return make(Errc::kInternal, "/dev/kfd was opened by another process (EBADF)");
    case EIO:
      return make(Errc::kHardwareFailure, "the GPU does not answer (EIO); see the kernel log");
    default: return make(Errc::kIo, fmt::format("{}", std::strerror(error.number)));
  }
}

}  // namespace gpreempt::kfd
