#include "backends/vkfd/ioctl_probe.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "backends/vkfd/sim_os.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::vkfd {

using kfd::PtraceOp;
using kfd::SysError;
using kfd::SysResult;
namespace abi = kfd::abi;

namespace {

constexpr std::string_view kDevice = "/dev/kfd";

tl::unexpected<Error> refused(std::string_view operation, Pid target, SysError error) {
  return fail(Errc::kNotPermitted,
              fmt::format("{} process {}: errno {}", operation, target, error.number),
              error.number);
}

std::uint64_t address_of(const void* object) {
  return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(object));
}

std::vector<Outcome> decode(const std::vector<std::uint32_t>& ids) {
  std::vector<Outcome> outcomes;
  outcomes.reserve(ids.size());
  for (const std::uint32_t id : ids) {
    outcomes.push_back((id & abi::kQueueInvalid) != 0 ? Outcome::kInvalid
                       : (id & abi::kQueueError) != 0 ? Outcome::kError
                                                      : Outcome::kOk);
  }
  return outcomes;
}

}  // namespace

Result<void> IoctlProbe::open() {
  if (os_ != nullptr) {
    return {};
  }
  auto os = SimOs::open(machine_);
  const auto device = os->open(std::string(kDevice), kfd::OpenMode::kReadWrite);
  const auto pipe = os->pipe();
  if (!device || !pipe) {
    return fail(Errc::kInternal, fmt::format("open {}: no such device", kDevice));
  }
  os_ = std::move(os);
  device_ = *device;
  notify_ = *pipe;
  return {};
}

SysResult<long> IoctlProbe::call(Pid target, abi::TrapOp op, abi::TrapArgs& args) {
  args.pid = static_cast<std::uint32_t>(target.value());
  args.op = op;
  return os_->ioctl(device_, abi::kDbgTrap, &args);
}

Result<void> IoctlProbe::enable(Pid target) {
  GPREEMPT_TRY(open());
  const auto seized =
      os_->ptrace(PtraceOp::kSeize, target.value(), kfd::kTraceExec | kfd::kTraceExit);
  if (!seized) {
    return refused("seize", target, seized.error());
  }
  abi::RuntimeInfo info;
  abi::TrapArgs args;
  args.enable = {.exception_mask = abi::kQueueNew,
                 .rinfo_ptr = address_of(&info),
                 .rinfo_size = sizeof info,
                 .dbg_fd = static_cast<std::uint32_t>(notify_.write)};
  if (const auto enabled = call(target, abi::TrapOp::kEnable, args); !enabled) {
    return refused("enable debugging of", target, enabled.error());
  }
  return {};
}

Result<std::vector<std::uint32_t>> IoctlProbe::snapshot(Pid target, bool clear_new) {
  GPREEMPT_TRY(open());
  std::vector<abi::QueueSnapshotEntry> entries(abi::kMaxQueues);
  abi::TrapArgs args;
  args.snapshot = {.exception_mask = clear_new ? abi::kQueueNew : 0,
                   .snapshot_buf_ptr = address_of(entries.data()),
                   .num_queues = static_cast<std::uint32_t>(entries.size()),
                   .entry_size = sizeof entries[0]};
  if (const auto result = call(target, abi::TrapOp::kGetQueueSnapshot, args); !result) {
    return refused("snapshot", target, result.error());
  }
  std::vector<std::uint32_t> ids;
  ids.reserve(args.snapshot.num_queues);
  for (std::uint32_t i = 0; i < args.snapshot.num_queues; ++i) {
    ids.push_back(entries.at(i).queue_id);
  }
  return ids;
}

Result<std::vector<Outcome>> IoctlProbe::suspend(Pid target, std::vector<std::uint32_t> ids) {
  GPREEMPT_TRY(open());
  abi::TrapArgs args;
  args.suspend = {.exception_mask = 0,
                  .queue_array_ptr = address_of(ids.data()),
                  .num_queues = static_cast<std::uint32_t>(ids.size()),
                  .grace_period = 0};
  if (const auto result = call(target, abi::TrapOp::kSuspendQueues, args); !result) {
    return refused("suspend queues of", target, result.error());
  }
  return decode(ids);
}

Result<std::vector<Outcome>> IoctlProbe::resume(Pid target, std::vector<std::uint32_t> ids) {
  GPREEMPT_TRY(open());
  abi::TrapArgs args;
  args.resume.queue_array_ptr = address_of(ids.data());
  args.resume.num_queues = static_cast<std::uint32_t>(ids.size());
  if (const auto result = call(target, abi::TrapOp::kResumeQueues, args); !result) {
    return refused("resume queues of", target, result.error());
  }
  return decode(ids);
}

Result<void> IoctlProbe::disable(Pid target) {
  GPREEMPT_TRY(open());
  abi::TrapArgs args;
  if (const auto result = call(target, abi::TrapOp::kDisable, args); !result) {
    return refused("disable debugging of", target, result.error());
  }
  return let_go(target);
}

/// A tracee can be let go of only in a stop.
Result<void> IoctlProbe::let_go(Pid target) {
  const auto interrupted = os_->ptrace(PtraceOp::kInterrupt, target.value(), 0);
  if (!interrupted) {
    return refused("interrupt", target, interrupted.error());
  }
  const kfd::Fd changes = os_->child_events().value();
  for (;;) {
    os_->drain(changes);
    if (const auto detached = os_->ptrace(PtraceOp::kDetach, target.value(), 0)) {
      return {};
    }
    const auto polled = os_->poll_child(target.value());
    if (!polled) {
      return refused("let go of", target, polled.error());
    }
    std::array<kfd::WaitFd, 1> fds{kfd::WaitFd{.fd = changes}};
    if (const auto waited = os_->wait(fds, kForever); !waited) {
      return refused("let go of", target, waited.error());
    }
  }
}

}  // namespace gpreempt::vkfd
