#include "tests/realkernel/one_queue_os.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"

namespace gpreempt::kfd {
namespace {

constexpr std::uint32_t kGpu = OneQueueOs::kGpu;

std::string_view name_of(abi::TrapOp op) {
  switch (op) {
    case abi::TrapOp::kEnable: return "enable";
    case abi::TrapOp::kDisable: return "disable";
    case abi::TrapOp::kSendRuntimeEvent: return "send runtime event";
    case abi::TrapOp::kSuspendQueues: return "suspend";
    case abi::TrapOp::kResumeQueues: return "resume";
    case abi::TrapOp::kQueryDebugEvent: return "query event";
    case abi::TrapOp::kGetQueueSnapshot: return "snapshot";
    case abi::TrapOp::kSetExceptionsEnabled:
    case abi::TrapOp::kSetWaveLaunchOverride:
    case abi::TrapOp::kSetWaveLaunchMode:
    case abi::TrapOp::kSetNodeAddressWatch:
    case abi::TrapOp::kClearNodeAddressWatch:
    case abi::TrapOp::kSetFlags:
    case abi::TrapOp::kQueryExceptionInfo:
    case abi::TrapOp::kGetDeviceSnapshot: break;
  }
  return "another operation";
}

std::string_view name_of(PtraceOp op) {
  switch (op) {
    case PtraceOp::kSeize: return "seize";
    case PtraceOp::kCont: return "continue";
    case PtraceOp::kListen: return "listen";
    case PtraceOp::kInterrupt: return "interrupt";
    case PtraceOp::kDetach: return "detach";
    case PtraceOp::kGetEvent: return "get event";
    case PtraceOp::kGetSiginfo: return "get siginfo";
  }
  return "";
}

std::byte* memory_at(std::uint64_t address) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the driver's ABI has pointers as numbers
  return reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(address));
}

void add_queue(abi::TrapQueueSnapshot& snapshot, std::uint32_t capacity) {
  if (snapshot.num_queues < capacity) {
    const abi::QueueSnapshotEntry entry{
        .ring_base_address = 0x1000, .queue_id = OneQueueOs::kQueue, .gpu_id = kGpu};
    std::memcpy(memory_at(snapshot.snapshot_buf_ptr) + snapshot.num_queues * sizeof entry, &entry,
                sizeof entry);
  }
  ++snapshot.num_queues;
}

void find_queue(std::uint64_t ids, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t id = 0;
    std::memcpy(&id, memory_at(ids) + i * sizeof id, sizeof id);
    if (id == (OneQueueOs::kQueue | abi::kQueueInvalid)) {
      std::memcpy(memory_at(ids) + i * sizeof id, &OneQueueOs::kQueue, sizeof id);
    }
  }
}

std::string nodes() {
  return fmt::format("{}/class/kfd/kfd/topology/nodes", OneQueueOs::kSysfsRoot);
}

/// The driver's own sysfs, where a process that has opened the device has a folder without queues.
constexpr std::string_view kProcesses = "/sys/class/kfd/kfd/proc/";
constexpr std::string_view kQueueFolder = "/queues";

bool is_queue_folder(std::string_view path) {
  return path.starts_with(kProcesses) && path.ends_with(kQueueFolder);
}

}  // namespace

SysResult<std::vector<std::string>> OneQueueOs::list_dir(const std::string& path) {
  if (path == nodes()) {
    return std::vector<std::string>{"1"};
  }
  auto names = LinuxOs::list_dir(path);
  if (names && is_queue_folder(path)) {
    names->push_back(fmt::format("{}", kQueue));
  }
  return names;
}

SysResult<std::string> OneQueueOs::read_file(const std::string& path) {
  if (path == nodes() + "/1/gpu_id") {
    return fmt::format("{}\n", kGpu);
  }
  if (path == nodes() + "/1/properties") {
    return "simd_count 320\nsimd_per_cu 4\nnum_xcc 4\nnum_cp_queues 24\n"
           "max_engine_clk_fcompute 2100\n";
  }
  const std::string queue = fmt::format("{}/{}/", kQueueFolder, kQueue);
  if (const std::size_t at = path.find(queue); path.starts_with(kProcesses) && at < path.size()) {
    const std::string_view attribute = std::string_view(path).substr(at + queue.size());
    if (attribute == "gpuid") {
      return fmt::format("{}\n", kGpu);
    }
    return attribute == "size" ? "1048576\n" : "0\n";
  }
  return LinuxOs::read_file(path);
}

SysResult<long> OneQueueOs::ioctl(Fd fd, std::uint32_t request, void* arg) {
  if (request != abi::kDbgTrap) {
    return LinuxOs::ioctl(fd, request, arg);
  }
  auto& args = *static_cast<abi::TrapArgs*>(arg);
  if (before_) {
    before_(name_of(args.op));
  }
  const abi::TrapArgs asked = args;
  auto result = LinuxOs::ioctl(fd, request, arg);
  if (result && asked.op == abi::TrapOp::kGetQueueSnapshot) {
    add_queue(args.snapshot, asked.snapshot.num_queues);
  } else if (result && asked.op == abi::TrapOp::kSuspendQueues) {
    find_queue(asked.suspend.queue_array_ptr, asked.suspend.num_queues);
  } else if (result && asked.op == abi::TrapOp::kResumeQueues) {
    find_queue(asked.resume.queue_array_ptr, asked.resume.num_queues);
  }
  return result;
}

SysResult<long> OneQueueOs::ptrace(PtraceOp op, Tid tid, std::uint64_t arg) {
  if (before_) {
    before_(name_of(op));
  }
  return LinuxOs::ptrace(op, tid, arg);
}

}  // namespace gpreempt::kfd
