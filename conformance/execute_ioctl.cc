#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "conformance/execute.h"
#include "conformance/operation.h"
#include "core/error.h"

/// Ioctls other than DBG_TRAP.
namespace gpreempt::conformance {

using kfd::Fd;
namespace abi = kfd::abi;

namespace {

struct Device {
  kfd::Os& os;
  Fd fd;

  [[nodiscard]] long call(std::uint32_t request, void* args) const {
    return result_of(os.ioctl(fd, request, args));
  }
};

/// The size of the ioctl's struct, and the letter of its group, as an operation wants them encoded.
std::uint32_t encoded(std::uint32_t request, const Operation& operation) {
  constexpr std::uint32_t kSizeMask = 0x3fffU << 16U;
  constexpr std::uint32_t kMagicMask = 0xffU << 8U;
  request = (request & ~kMagicMask) | (operation.magic << 8U);
  return operation.size == 0 ? request : (request & ~kSizeMask) | (operation.size << 16U);
}

Answer get_version(const Device& device, const Operation& operation) {
  abi::Version version;
  const std::uint64_t address = address_of(operation.place, &version);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a bad address is a number
  void* const args = reinterpret_cast<void*>(static_cast<std::uintptr_t>(address));
  Answer answer{.result = device.call(encoded(abi::kGetVersion, operation), args)};
  answer.out = {version.major_version, version.minor_version};
  return answer;
}

Answer ioctl_number(const Device& device, const Operation& operation) {
  abi::TrapArgs args;
  return {.result =
              device.call(abi::encode(abi::kReadWrite, sizeof args, operation.number), &args)};
}

Answer create_queue(const Device& device, const Operation& operation) {
  constexpr std::uint32_t kRingBytes = 4096;
  alignas(kRingBytes) static std::array<std::byte, kRingBytes> ring{};
  std::array<std::uint64_t, 2> pointers{};
  const auto number = [](const void* object) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(object));
  };
  abi::CreateQueue args;
  args.ring_base_address = number(ring.data());
  args.read_pointer_address = number(pointers.data());
  args.write_pointer_address = number(&pointers[1]);
  args.ring_size = kRingBytes;
  args.gpu_id = operation.gpu;
  args.queue_type = abi::QueueKind::kComputeAql;
  args.queue_percentage = 100;
  args.queue_priority = 7;
  return {.result = device.call(abi::kCreateQueue, &args)};
}

Answer apertures(const Device& device, const Operation& operation) {
  constexpr std::size_t kEntryWords = 7;
  std::array<std::uint64_t, Operation::kMaxIds * kEntryWords> entries{};
  GPREEMPT_CHECK(operation.count <= Operation::kMaxIds);
  abi::ProcessApertures args{
      .apertures_ptr = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(entries.data())),
      .num_of_nodes = operation.count,
      .pad = 0};
  return {.result = device.call(abi::kGetProcessApertures, &args)};
}

Answer clock_counters(const Device& device, const Operation& operation) {
  abi::ClockCounters args{.gpu_id = operation.gpu};
  Answer answer{.result = device.call(abi::kGetClockCounters, &args)};
  answer.out[0] = args.gpu_clock_counter;
  return answer;
}

Answer runtime_enable(const Device& device, const Operation& operation) {
  constexpr std::uint64_t kSomeAddress = 0xabcd000;
  abi::RuntimeEnable args{
      .r_debug = kSomeAddress, .mode_mask = operation.mode, .capabilities_mask = 0};
  return {.result = device.call(abi::kRuntimeEnable, &args)};
}

Answer destroy_queue(const Device& device, const Operation& operation) {
  abi::DestroyQueue args{.queue_id = operation.queue, .pad = 0};
  return {.result = device.call(abi::kDestroyQueue, &args)};
}

Answer acquire_vm(const Device& device, const Operation& operation) {
  abi::AcquireVm args{.drm_fd = 0, .gpu_id = operation.gpu};
  return {.result = device.call(abi::kAcquireVm, &args)};
}

Answer smi_events(const Device& device, const Operation& operation) {
  abi::SmiEvents args{.gpu_id = operation.gpu, .anon_fd = 0};
  return {.result = device.call(abi::kSmiEvents, &args)};
}

Answer wave_state(const Device& device, const Operation& operation) {
  abi::QueueWaveState args;
  args.queue_id = operation.queue;
  return {.result = device.call(abi::kGetQueueWaveState, &args)};
}

Answer xnack_mode(const Device& device, const Operation& /*operation*/) {
  abi::XnackMode args{.xnack_enabled = -1};
  return {.result = device.call(abi::kSetXnackMode, &args)};
}

using Call = Answer (*)(const Device&, const Operation&);
constexpr auto kCalls = std::to_array<std::pair<OpKind, Call>>({
    {OpKind::kGetVersion, get_version},
    {OpKind::kIoctlNumber, ioctl_number},
    {OpKind::kGetProcessApertures, apertures},
    {OpKind::kCreateQueue, create_queue},
    {OpKind::kDestroyQueue, destroy_queue},
    {OpKind::kGetClockCounters, clock_counters},
    {OpKind::kAcquireVm, acquire_vm},
    {OpKind::kSmiEvents, smi_events},
    {OpKind::kGetQueueWaveState, wave_state},
    {OpKind::kSetXnackMode, xnack_mode},
    {OpKind::kRuntimeEnable, runtime_enable},
});

}  // namespace

Answer execute_ioctl(ActorHost& host, ActorFiles& files, const Operation& operation) {
  const Device device{.os = host.os(), .fd = file_of(host, files, operation.file)};
  const auto* const found =
      std::ranges::find(kCalls, operation.kind, &std::pair<OpKind, Call>::first);
  GPREEMPT_CHECK(found != kCalls.end());
  return found->second(device, operation);
}

}  // namespace gpreempt::conformance
