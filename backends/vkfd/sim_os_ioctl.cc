#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "backends/vkfd/driver_call.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/open_file.h"
#include "backends/vkfd/sim_os.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

/// The way into /dev/kfd, and the ioctls other than DBG_TRAP.
/// Source: drivers/gpu/drm/amd/amdkfd/kfd_chardev.c, kfd_ioctl.
namespace gpreempt::vkfd {

using kfd::Fd;
using kfd::sys_fail;
using kfd::SysResult;
using sim::KfdModel;
namespace abi = kfd::abi;

namespace {

/// An ioctl of the driver's table: the numbers are what it looks at, not the caller's encoding.
struct KnownIoctl {
  std::uint32_t request = 0;

  [[nodiscard]] constexpr std::uint32_t number() const { return request & 0xffU; }
  [[nodiscard]] constexpr std::size_t size() const { return (request >> 16U) & 0x3fffU; }
  [[nodiscard]] constexpr bool writes_in() const { return ((request >> 30U) & abi::kWrite) != 0; }
  [[nodiscard]] constexpr bool reads_out() const { return ((request >> 30U) & abi::kRead) != 0; }
};

constexpr std::uint32_t kCreateProcess = 0x27;  // since 1.19; without arguments
constexpr auto kIoctls = std::to_array<KnownIoctl>({{abi::kGetVersion},
                                                    {abi::kCreateQueue},
                                                    {abi::kDestroyQueue},
                                                    {abi::kGetClockCounters},
                                                    {abi::kGetProcessApertures},
                                                    {abi::kAcquireVm},
                                                    {abi::kGetQueueWaveState},
                                                    {abi::kSmiEvents},
                                                    {abi::kSetXnackMode},
                                                    {abi::kRuntimeEnable},
                                                    {abi::kDbgTrap},
                                                    {kCreateProcess}});

/// Runs `call` on the arguments as a struct of the ABI.
template <class Args, class Call>
long with(std::span<std::byte> arguments, Call call) {
  Args args;
  std::memcpy(&args, arguments.data(), sizeof args);
  const long result = call(args);
  std::memcpy(arguments.data(), &args, sizeof args);
  return result;
}

}  // namespace

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

std::optional<Pid> SimOs::resolve(std::int32_t pid) const {
  if (apart_) {
    return pid == 1 ? std::optional(pid_) : std::nullopt;
  }
  return machine_.process_of(pid);
}

std::optional<std::uint32_t> SimOs::gpu_index(std::uint32_t gpu_id) const {
  for (std::uint32_t gpu = 0; gpu < machine_.system().options().gpus; ++gpu) {
    if (sim::gpu_id_of(gpu).value() == gpu_id) {
      return gpu;
    }
  }
  return std::nullopt;
}

SysResult<long> SimOs::ioctl(Fd fd, std::uint32_t request, void* arg) {
  if (find(fd) == nullptr) {
    return sys_fail(dead_ ? ECANCELED : EBADF);
  }
  const auto device = find_as<DriverFile>(fd);
  const std::uint32_t number = request & 0xffU;
  const sim::Personality& personality = machine_.system().kfd().personality();
  if (device == nullptr) {
    return sys_fail(ENOTTY);
  }
  if (number == 0 || number >= personality.first_unknown_ioctl) {
    return sys_fail(personality.unknown_ioctl_is_invalid ? EINVAL : ENOTTY);
  }
  if (device->owner() != pid_) {
    return sys_fail(EBADF);
  }
  const auto* const known = std::ranges::find(kIoctls, number, &KnownIoctl::number);
  if (known == kIoctls.end()) {
    return sys_fail(EINVAL);
  }
  const std::size_t given = KnownIoctl{request}.size();
  const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(arg));
  std::vector<std::byte> arguments(std::max(given, known->size()));
  if (known->writes_in() && !machine_.memory().copy_in(arguments.data(), address, given)) {
    return sys_fail(EFAULT);
  }
  const long result = serve(number, arguments);
  if (!await_thaw()) {
    return sys_fail(ECANCELED);
  }
  if (known->reads_out() && !machine_.memory().copy_out(address, arguments.data(), given)) {
    return sys_fail(EFAULT);
  }
  if (result < 0) {
    return sys_fail(static_cast<int>(-result));
  }
  return result;
}

long SimOs::serve(std::uint32_t number, std::span<std::byte> arguments) {
  switch (number) {
    case KnownIoctl{abi::kGetVersion}.number():
      return with<abi::Version>(arguments, [this](abi::Version& version) {
        version = {.major_version = abi::kVersionMajor,
                   .minor_version = machine_.system().kfd().personality().minor_version};
        return 0L;
      });
    case KnownIoctl{abi::kCreateQueue}.number():
      return with<abi::CreateQueue>(arguments, [this](auto& args) { return create_queue(args); });
    case KnownIoctl{abi::kDestroyQueue}.number():
      return with<abi::DestroyQueue>(arguments, [this](auto& args) { return destroy_queue(args); });
    case KnownIoctl{abi::kGetClockCounters}.number():
      return with<abi::ClockCounters>(arguments, [this](abi::ClockCounters& counters) {
        constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
        const auto now = static_cast<std::uint64_t>(timeline_.now().time_since_epoch().count());
        counters.gpu_clock_counter = gpu_index(counters.gpu_id) ? now : 0;
        counters.cpu_clock_counter = now;
        counters.system_clock_counter = now;
        counters.system_clock_freq = kNanosecondsPerSecond;
        return 0L;
      });
    case KnownIoctl{abi::kGetProcessApertures}.number():
      return with<abi::ProcessApertures>(arguments, [this](abi::ProcessApertures& args) {
        const std::uint32_t nodes = machine_.system().options().gpus + 1;  // and the CPU's
        const bool fits = args.num_of_nodes <= nodes;
        args.num_of_nodes = nodes - 1;
        return fits ? 0L : -long{EINVAL};
      });
    case KnownIoctl{abi::kGetQueueWaveState}.number(): return -EFAULT;
    case KnownIoctl{abi::kSetXnackMode}.number():
      return with<abi::XnackMode>(arguments, [this](auto& args) { return query_xnack(args); });
    case KnownIoctl{abi::kRuntimeEnable}.number():
      return with<abi::RuntimeEnable>(arguments, [this](auto& args) { return set_runtime(args); });
    case KnownIoctl{abi::kDbgTrap}.number():
      return with<abi::TrapArgs>(arguments, [this](auto& args) { return trap(args); });
    case kCreateProcess: return 0;
    default: return -EINVAL;  // ACQUIRE_VM, SMI_EVENTS: no descriptors of such kinds here
  }
}

long SimOs::create_queue(abi::CreateQueue& args) {
  const auto gpu = gpu_index(args.gpu_id);
  if (!gpu) {
    return -EINVAL;
  }
  const auto call = enter_driver("CREATE_QUEUE", pid_);
  machine_.system().kfd().create_queue(
      pid_,
      {.gpu = *gpu,
       .type = args.queue_type == abi::QueueKind::kSdma ? QueueType::kSdma : QueueType::kCompute,
       .priority = args.queue_priority,
       .ring_bytes = args.ring_size},
      [call](long result) { call->reply(result); });
  if (!await(*call) || call->result < 0) {
    return call->result;
  }
  args.queue_id = static_cast<std::uint32_t>(call->result);
  return 0;
}

long SimOs::destroy_queue(const abi::DestroyQueue& args) {
  const auto call = enter_driver("DESTROY_QUEUE", pid_);
  machine_.system().kfd().destroy_queue(pid_, args.queue_id,
                                        [call](long result) { call->reply(result); });
  (void)await(*call);
  return call->result;
}

long SimOs::set_runtime(const abi::RuntimeEnable& args) {
  const auto call = enter_driver("RUNTIME_ENABLE", pid_);
  machine_.system().kfd().set_runtime(
      pid_,
      {.enabled = (args.mode_mask & abi::kRuntimeModeEnable) != 0,
       .ttmp_setup = (args.mode_mask & abi::kRuntimeModeTtmpSave) != 0,
       .r_debug = args.r_debug},
      [call](long result) { call->reply(result); });
  (void)await(*call);
  return call->result;
}

/// The mode of a process cannot be changed here; asked for, it is off.
long SimOs::query_xnack(abi::XnackMode& args) const {
  if (!machine_.system().kfd().personality().has_xnack_mode) {
    return -EPERM;
  }
  if (args.xnack_enabled > 0) {
    return -EPERM;
  }
  args.xnack_enabled = 0;
  return 0;
}

}  // namespace gpreempt::vkfd
