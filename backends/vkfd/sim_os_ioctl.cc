#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "backends/vkfd/kernel_side.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/open_file.h"
#include "backends/vkfd/sim_os.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

/// /dev/kfd: from the ABI's structs to the driver's model and back.
/// Source: drivers/gpu/drm/amd/amdkfd/kfd_chardev.c, kfd_ioctl_set_debug_trap.
namespace gpreempt::vkfd {

using kfd::Fd;
using kfd::sys_fail;
using kfd::SysResult;
using sim::KfdModel;
namespace abi = kfd::abi;

namespace {

constexpr abi::Version kVersion{.major_version = 1, .minor_version = 17};

template <class T>
T* user_pointer(std::uint64_t address) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the ABI passes pointers as numbers
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

/// How long the hardware waits for `field` units of 1000 clocks; nullopt: the driver's default.
/// Rounded as `sim::representable_grace` does.
std::optional<Duration> decode_grace(std::uint32_t field, double clock_hz) {
  if (field == abi::kGraceDefault) {
    return std::nullopt;
  }
  const double units = std::max(field & abi::kGraceUnitsMax, 1U);
  const double unit_ns = double{abi::kClocksPerGraceUnit} * 1e9 / clock_hz;
  return Duration(static_cast<std::int64_t>(std::llround(units * unit_ns)));
}

/// The id array of SUSPEND and RESUME. One id more than the driver takes makes it refuse.
std::vector<std::uint32_t> copy_ids(std::uint64_t address, std::uint32_t count) {
  const auto size = std::min<std::size_t>(count, abi::kMaxQueues + 1);
  if (size > abi::kMaxQueues) {
    return std::vector<std::uint32_t>(size);
  }
  const std::span<const std::uint32_t> array(user_pointer<const std::uint32_t>(address), size);
  return {array.begin(), array.end()};
}

void copy_ids_out(const std::vector<std::uint32_t>& ids, std::uint64_t address) {
  if (!ids.empty() && ids.size() <= abi::kMaxQueues) {
    std::memcpy(user_pointer<std::uint32_t>(address), ids.data(), ids.size() * sizeof ids[0]);
  }
}

abi::QueueSnapshotEntry to_abi(const KfdModel::QueueEntry& entry, const KfdModel& model) {
  return {.exception_status = entry.exceptions,
          .ring_base_address = entry.ring_base,
          .queue_id = entry.id,
          .gpu_id = sim::gpu_id_of(entry.gpu).value(),
          .ring_size = static_cast<std::uint32_t>(entry.ring_bytes),
          .queue_type =
              entry.type == QueueType::kSdma ? abi::QueueKind::kSdma : abi::QueueKind::kComputeAql,
          .ctx_save_restore_area_size =
              static_cast<std::uint32_t>(model.parameters(entry.gpu).cwsr_area_bytes)};
}

}  // namespace

/// A call that has entered the driver. The reply may come when its caller is no more.
struct SimOs::DriverCall {
  std::unique_ptr<sim::Waiter> waiter;
  std::shared_ptr<KernelSide> kernel;
  bool replied = false;
  long result = 0;
  std::vector<std::uint32_t> ids;
  std::vector<KfdModel::QueueEntry> entries;

  void reply(long value) {
    result = value;
    replied = true;
    waiter->wake();
    kernel->leave();
  }
};

std::shared_ptr<SimOs::DriverCall> SimOs::enter_driver(std::string_view operation, Pid target) {
  auto call = std::make_shared<DriverCall>();
  call->waiter = timeline_.make_waiter(fmt::format("{} of process {}", operation, target));
  call->kernel = kernel_;
  kernel_->enter();
  return call;
}

/// Returns whether the caller is still there to be given the answer.
bool SimOs::await(DriverCall& call) {
  while (!call.replied && !dead_) {
    (void)call.waiter->wait(kForever);
  }
  return !dead_;
}

SysResult<long> SimOs::ioctl(Fd fd, std::uint32_t request, void* arg) {
  if (find(fd) == nullptr) {
    return sys_fail(dead_ ? ECANCELED : EBADF);
  }
  if (find_as<DriverFile>(fd) == nullptr) {
    return sys_fail(ENOTTY);
  }
  if (arg == nullptr) {
    return sys_fail(EFAULT);
  }
  if (request == abi::kGetVersion) {
    *static_cast<abi::Version*>(arg) = kVersion;
    return 0;
  }
  if (request != abi::kDbgTrap) {
    return sys_fail(EINVAL);
  }
  abi::TrapArgs args = *static_cast<const abi::TrapArgs*>(arg);
  const long result = trap(args);
  if (dead_) {
    return sys_fail(ECANCELED);
  }
  *static_cast<abi::TrapArgs*>(arg) = args;
  if (result < 0) {
    return sys_fail(static_cast<int>(-result));
  }
  return result;
}

long SimOs::trap(abi::TrapArgs& args) {
  const Pid target(static_cast<std::int32_t>(args.pid));
  KfdModel& model = machine_.system().kfd();
  switch (args.op) {
    case abi::TrapOp::kEnable: return trap_enable(target, args.enable);
    case abi::TrapOp::kDisable: return trap_disable(target);
    case abi::TrapOp::kSendRuntimeEvent:
      return model.send_runtime_event(caller(), target, args.send_runtime_event.exception_mask);
    case abi::TrapOp::kSetExceptionsEnabled:
      return model.set_exceptions(caller(), target, args.set_exceptions.exception_mask);
    case abi::TrapOp::kSuspendQueues: return trap_suspend(target, args.suspend);
    case abi::TrapOp::kResumeQueues: return trap_resume(target, args.resume);
    case abi::TrapOp::kQueryDebugEvent: return trap_query_event(target, args.query_event);
    case abi::TrapOp::kGetQueueSnapshot: return trap_snapshot(target, args.snapshot);
    // Waves, watch points and the details of exceptions and devices are not modelled.
    case abi::TrapOp::kSetWaveLaunchOverride:
    case abi::TrapOp::kSetWaveLaunchMode:
    case abi::TrapOp::kSetNodeAddressWatch:
    case abi::TrapOp::kClearNodeAddressWatch:
    case abi::TrapOp::kSetFlags:
    case abi::TrapOp::kQueryExceptionInfo:
    case abi::TrapOp::kGetDeviceSnapshot: break;
  }
  return -EINVAL;
}

long SimOs::trap_enable(Pid target, abi::TrapEnable& args) {
  const auto notify = find_as<PipeWriter>(static_cast<Fd>(args.dbg_fd));
  if (notify == nullptr) {
    return -EBADF;
  }
  if (args.rinfo_ptr == 0 && args.rinfo_size > 0) {
    return -EFAULT;
  }
  const auto call = enter_driver("DBG_TRAP ENABLE", target);
  machine_.system().kfd().enable(
      caller(), target, args.exception_mask,
      [notify] {
        constexpr std::array<std::byte, 1> kDot{std::byte{'.'}};
        (void)notify->write(kDot);
      },
      [call](long result) { call->reply(result); });
  if (!await(*call) || call->result < 0) {
    return call->result;
  }
  const abi::RuntimeInfo info{
      .r_debug = 0, .runtime_state = abi::RuntimeState::kEnabled, .ttmp_setup = 1};
  args.rinfo_size = std::min<std::uint32_t>(args.rinfo_size, sizeof info);
  if (args.rinfo_size > 0) {
    std::memcpy(user_pointer<std::byte>(args.rinfo_ptr), &info, args.rinfo_size);
  }
  return call->result;
}

long SimOs::trap_disable(Pid target) {
  const auto call = enter_driver("DBG_TRAP DISABLE", target);
  machine_.system().kfd().disable(caller(), target, [call](long result) { call->reply(result); });
  (void)await(*call);
  return call->result;
}

long SimOs::trap_snapshot(Pid target, abi::TrapQueueSnapshot& args) {
  if (args.entry_size == 0) {
    return -EINVAL;
  }
  if (args.snapshot_buf_ptr == 0 && args.num_queues > 0) {
    return -EFAULT;
  }
  const auto call = enter_driver("DBG_TRAP GET_QUEUE_SNAPSHOT", target);
  machine_.system().kfd().snapshot(caller(), target, args.exception_mask, args.num_queues,
                                   [call](long result, const auto& entries) {
                                     call->entries = entries;
                                     call->reply(result);
                                   });
  if (!await(*call) || call->result < 0) {
    return call->result;
  }
  const std::size_t stride = args.entry_size;
  const auto size = std::min<std::size_t>(stride, sizeof(abi::QueueSnapshotEntry));
  auto* const buffer = user_pointer<std::byte>(args.snapshot_buf_ptr);
  for (std::size_t i = 0; i < std::min<std::size_t>(args.num_queues, call->entries.size()); ++i) {
    const auto entry = to_abi(call->entries[i], machine_.system().kfd());
    std::memcpy(buffer + i * stride, &entry, size);
  }
  args.entry_size = static_cast<std::uint32_t>(size);
  args.num_queues = static_cast<std::uint32_t>(call->entries.size());
  return call->result;
}

long SimOs::trap_suspend(Pid target, const abi::TrapSuspend& args) {
  if (args.queue_array_ptr == 0 && args.num_queues > 0) {
    return -EINVAL;
  }
  const auto grace = decode_grace(args.grace_period, machine_.system().options().gpu.clock_hz);
  const auto call = enter_driver("DBG_TRAP SUSPEND_QUEUES", target);
  machine_.system().kfd().suspend(caller(), target, copy_ids(args.queue_array_ptr, args.num_queues),
                                  grace, [call](long result, const auto& ids) {
                                    call->ids = ids;
                                    call->reply(result);
                                  });
  if (await(*call)) {
    copy_ids_out(call->ids, args.queue_array_ptr);
  }
  return call->result;
}

long SimOs::trap_resume(Pid target, const abi::TrapResume& args) {
  KfdModel& model = machine_.system().kfd();
  std::vector<std::uint32_t> ids;
  if (args.queue_array_ptr != 0) {
    ids = copy_ids(args.queue_array_ptr, args.num_queues);
  } else {
    // No array: every queue of the target.
    for (std::uint32_t id = 0; id < abi::kMaxQueues; ++id) {
      if (model.hardware_queue(target, id)) {
        ids.push_back(id);
      }
    }
  }
  const auto call = enter_driver("DBG_TRAP RESUME_QUEUES", target);
  model.resume(caller(), target, std::move(ids), [call](long result, const auto& after) {
    call->ids = after;
    call->reply(result);
  });
  if (await(*call) && args.queue_array_ptr != 0) {
    copy_ids_out(call->ids, args.queue_array_ptr);
  }
  return call->result;
}

long SimOs::trap_query_event(Pid target, abi::TrapQueryEvent& args) {
  KfdModel::DebugEvent event;
  const long result =
      machine_.system().kfd().query_event(caller(), target, args.exception_mask, event);
  if (result < 0) {
    return result;
  }
  const bool of_process = (event.exceptions & KfdModel::kProcessRuntime) != 0;
  args.exception_mask = event.exceptions;
  args.gpu_id = of_process ? 0 : sim::gpu_id_of(event.gpu).value();
  args.queue_id = event.queue;
  return result;
}

}  // namespace gpreempt::vkfd
