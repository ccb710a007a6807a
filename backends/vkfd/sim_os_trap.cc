#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/system.h"
#include "backends/vkfd/driver_call.h"  // IWYU pragma: keep, what `enter_driver` returns
#include "backends/vkfd/machine.h"
#include "backends/vkfd/open_file.h"
#include "backends/vkfd/sim_os.h"
#include "core/ids.h"

/// DBG_TRAP, without the operations on queues: from the ABI's structs to the driver's model and
/// back. Source: drivers/gpu/drm/amd/amdkfd/kfd_chardev.c, kfd_ioctl_set_debug_trap.
namespace gpreempt::vkfd {

using kfd::Fd;
using sim::KfdModel;
namespace abi = kfd::abi;

namespace {

abi::RuntimeInfo to_abi(const KfdModel::RuntimeInfo& info) {
  return {
      .r_debug = info.r_debug,
      .runtime_state = info.enabled ? abi::RuntimeState::kEnabled : abi::RuntimeState::kDisabled,
      .ttmp_setup = info.ttmp_setup ? 1U : 0U};
}

}  // namespace

long SimOs::trap(abi::TrapArgs& args) {
  const auto named = resolve(static_cast<std::int32_t>(args.pid));
  if (!named) {
    return -ESRCH;
  }
  const Pid target = *named;
  switch (args.op) {
    case abi::TrapOp::kEnable: return trap_enable(target, args.enable);
    case abi::TrapOp::kDisable: return trap_disable(target);
    case abi::TrapOp::kSendRuntimeEvent: return trap_send_event(target, args.send_runtime_event);
    case abi::TrapOp::kSetExceptionsEnabled:
      return machine_.system().kfd().set_exceptions(caller(), target,
                                                    args.set_exceptions.exception_mask);
    case abi::TrapOp::kSuspendQueues: return trap_suspend(target, args.suspend);
    case abi::TrapOp::kResumeQueues: return trap_resume(target, args.resume);
    case abi::TrapOp::kQueryDebugEvent: return trap_query_event(target, args.query_event);
    case abi::TrapOp::kQueryExceptionInfo: return trap_exception_info(target, args.exception_info);
    case abi::TrapOp::kGetQueueSnapshot: return trap_snapshot(target, args.snapshot);
    case abi::TrapOp::kGetDeviceSnapshot: return trap_device_snapshot(target, args.device_snapshot);
    case abi::TrapOp::kSetWaveLaunchOverride:
    case abi::TrapOp::kSetWaveLaunchMode:
    case abi::TrapOp::kSetNodeAddressWatch:
    case abi::TrapOp::kClearNodeAddressWatch:
    case abi::TrapOp::kSetFlags: break;
  }
  return trap_waves(target, args);
}

long SimOs::trap_waves(Pid target, abi::TrapArgs& args) {
  KfdModel& model = machine_.system().kfd();
  switch (args.op) {
    case abi::TrapOp::kSetWaveLaunchOverride: return trap_override(target, args.launch_override);
    case abi::TrapOp::kSetWaveLaunchMode:
      return model.set_launch_mode(caller(), target, args.launch_mode.launch_mode);
    case abi::TrapOp::kSetNodeAddressWatch:
      return model.set_watch(caller(), target, gpu_index(args.set_watch.gpu_id), args.set_watch.id);
    case abi::TrapOp::kClearNodeAddressWatch:
      return model.clear_watch(caller(), target, gpu_index(args.clear_watch.gpu_id),
                               args.clear_watch.id);
    case abi::TrapOp::kSetFlags: return model.set_flags(caller(), target, args.set_flags.flags);
    case abi::TrapOp::kEnable:
    case abi::TrapOp::kDisable:
    case abi::TrapOp::kSendRuntimeEvent:
    case abi::TrapOp::kSetExceptionsEnabled:
    case abi::TrapOp::kSuspendQueues:
    case abi::TrapOp::kResumeQueues:
    case abi::TrapOp::kQueryDebugEvent:
    case abi::TrapOp::kQueryExceptionInfo:
    case abi::TrapOp::kGetQueueSnapshot:
    case abi::TrapOp::kGetDeviceSnapshot: break;
  }
  // No such operation: said after the rights to it are checked.
  const long error = model.check(caller(), target, KfdModel::Gate::kSession);
  return error != 0 ? error : -EINVAL;
}

long SimOs::trap_enable(Pid target, abi::TrapEnable& args) {
  KfdModel::EnableRequest request{
      .mask = args.exception_mask, .notify = nullptr, .publish = nullptr};
  const auto fd = static_cast<Fd>(args.dbg_fd);
  if (find(fd) != nullptr && find_as<PathFile>(fd) == nullptr) {
    request.notify = [file = files_[static_cast<std::size_t>(fd)]] {
      constexpr std::array<std::byte, 1> kDot{std::byte{'.'}};
      (void)file->write(kDot);
    };
  }
  constexpr std::uint32_t kInfoBytes = sizeof(abi::RuntimeInfo);
  // The driver keeps a finished call for a while, and must not keep its caller.
  request.publish = [caller = weak_from_this(), address = args.rinfo_ptr,
                     size = std::min(args.rinfo_size, kInfoBytes)](const auto& runtime) {
    const auto os = caller.lock();
    const abi::RuntimeInfo info = to_abi(runtime);
    return os == nullptr || os->dead_ || os->machine_.memory().copy_out(address, &info, size);
  };
  const auto call = enter_driver("DBG_TRAP ENABLE", target);
  machine_.system().kfd().enable(caller(), target, std::move(request),
                                 [call](long result) { call->reply(result); });
  if (await(*call) && (call->result == 0 || call->result == -EFAULT)) {
    args.rinfo_size = kInfoBytes;
  }
  return call->result;
}

long SimOs::trap_disable(Pid target) {
  const auto call = enter_driver("DBG_TRAP DISABLE", target);
  machine_.system().kfd().disable(caller(), target, [call](long result) { call->reply(result); });
  (void)await(*call);
  return call->result;
}

long SimOs::trap_send_event(Pid target, const abi::TrapSendRuntimeEvent& args) {
  return machine_.system().kfd().send_runtime_event(caller(), target, args.exception_mask,
                                                    gpu_index(args.gpu_id));
}

long SimOs::trap_override(Pid target, abi::TrapLaunchOverride& args) {
  constexpr std::uint32_t kReplace = 1;
  constexpr std::uint32_t kSupported = 0x1ff;  // floating point, division, watch points, memory
  const long error = machine_.system().kfd().check(caller(), target, KfdModel::Gate::kRuntime);
  if (error != 0) {
    return error;
  }
  if (args.override_mode > kReplace) {
    return -EPERM;
  }
  const bool supported = (args.support_request_mask & ~kSupported) == 0;
  args.support_request_mask = kSupported;
  return supported ? 0 : -EACCES;
}

long SimOs::trap_exception_info(Pid target, abi::TrapExceptionInfo& args) {
  KfdModel& model = machine_.system().kfd();
  if (const long error = model.check(caller(), target, KfdModel::Gate::kSession); error != 0) {
    return error;
  }
  if (args.info_ptr == 0) {
    return -EINVAL;
  }
  KfdModel::ExceptionQuery query{.code = args.exception_code, .source = args.source_id};
  if (const auto gpu = gpu_index(args.source_id);
      gpu && (abi::kDeviceExceptions & abi::exception_mask(query.code)) != 0) {
    query.source = *gpu;
  }
  query.clears = args.clear_exception != 0;
  KfdModel::RuntimeInfo runtime;
  const long result = model.query_exception(caller(), target, query, runtime);
  if (result < 0) {
    return result;
  }
  const bool of_runtime = abi::exception_mask(query.code) == abi::kProcessRuntime;
  const abi::RuntimeInfo info = to_abi(runtime);
  const std::size_t size = of_runtime ? std::min<std::size_t>(args.info_size, sizeof info) : 0;
  if (!machine_.memory().copy_out(args.info_ptr, &info, size)) {
    return -EFAULT;
  }
  args.info_size = of_runtime ? sizeof info : 0;
  return 0;
}

long SimOs::trap_device_snapshot(Pid target, abi::TrapDeviceSnapshot& args) {
  const KfdModel& model = machine_.system().kfd();
  if (const long error = model.check(caller(), target, KfdModel::Gate::kSession); error != 0) {
    return error;
  }
  if (args.snapshot_buf_ptr == 0) {
    return -EINVAL;
  }
  const std::vector<std::uint32_t> gpus = model.visible(target);
  const std::uint32_t stride = args.entry_size;
  const std::size_t fit = std::min<std::size_t>(args.num_devices, gpus.size());
  args.num_devices = static_cast<std::uint32_t>(gpus.size());
  args.entry_size = std::min(stride, model.personality().device_entry_bytes);
  for (std::size_t i = 0; i < fit; ++i) {
    abi::DeviceSnapshotEntry entry;
    entry.gpu_id = sim::gpu_id_of(gpus[i]).value();
    entry.num_xcc = model.parameters(gpus[i]).xccs;
    const std::size_t size = std::min<std::size_t>(args.entry_size, sizeof entry);
    if (!machine_.memory().copy_out(args.snapshot_buf_ptr + i * stride, &entry, size)) {
      return -EFAULT;
    }
  }
  return 0;
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
