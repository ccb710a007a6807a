#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/os.h"
#include "conformance/execute.h"
#include "conformance/operation.h"
#include "core/error.h"

/// DBG_TRAP.
namespace gpreempt::conformance {

namespace abi = kfd::abi;

namespace {

/// Longer arrays than the driver takes are refused by their length, so this is enough to point to.
constexpr std::size_t kArrayIds = 2048;
constexpr std::uint32_t kSnapshotEntries = 8;
constexpr std::size_t kSnapshotBytes = std::size_t{4096} * kSnapshotEntries;

class Trap {
 public:
  Trap(ActorHost& host, ActorFiles& files, const Operation& operation)
      : host_(host), files_(files), operation_(operation) {}

  Answer run();

 private:
  long call(abi::TrapOp op) {
    args_.op = op;
    args_.pid =
        static_cast<std::uint32_t>(operation_.names_self != 0 ? host_.own_pid() : operation_.pid);
    return result_of(
        host_.os().ioctl(file_of(host_, files_, FileChoice::kDevice), abi::kDbgTrap, &args_));
  }
  std::uint64_t address(const void* valid) { return address_of(operation_.place, valid); }

  Answer enable();
  Answer send_event();
  Answer control();
  Answer snapshot();
  Answer device_snapshot();
  Answer exception_info();
  Answer query_event();
  Answer launch_override();
  Answer set_flags();
  Answer plain();
  Answer raw();

  ActorHost& host_;
  ActorFiles& files_;
  const Operation& operation_;
  abi::TrapArgs args_;
};

constexpr auto kPlainOps = std::to_array<std::pair<OpKind, abi::TrapOp>>({
    {OpKind::kDisable, abi::TrapOp::kDisable},
    {OpKind::kSetExceptionsEnabled, abi::TrapOp::kSetExceptionsEnabled},
    {OpKind::kSetWaveLaunchMode, abi::TrapOp::kSetWaveLaunchMode},
    {OpKind::kSetNodeAddressWatch, abi::TrapOp::kSetNodeAddressWatch},
});

Answer Trap::run() {
  using Part = Answer (Trap::*)();
  static constexpr auto kParts = std::to_array<std::pair<OpKind, Part>>({
      {OpKind::kEnable, &Trap::enable},
      {OpKind::kSendRuntimeEvent, &Trap::send_event},
      {OpKind::kSuspendQueues, &Trap::control},
      {OpKind::kResumeQueues, &Trap::control},
      {OpKind::kQueryDebugEvent, &Trap::query_event},
      {OpKind::kQueryExceptionInfo, &Trap::exception_info},
      {OpKind::kGetQueueSnapshot, &Trap::snapshot},
      {OpKind::kGetDeviceSnapshot, &Trap::device_snapshot},
      {OpKind::kSetWaveLaunchOverride, &Trap::launch_override},
      {OpKind::kSetFlags, &Trap::set_flags},
      {OpKind::kTrapNumber, &Trap::raw},
  });
  const auto* const found =
      std::ranges::find(kParts, operation_.kind, &std::pair<OpKind, Part>::first);
  return found == kParts.end() ? plain() : (this->*found->second)();
}

/// Operations that write nothing back.
Answer Trap::plain() {
  const auto* const found =
      std::ranges::find(kPlainOps, operation_.kind, &std::pair<OpKind, abi::TrapOp>::first);
  GPREEMPT_CHECK(found != kPlainOps.end());
  if (operation_.kind == OpKind::kSetExceptionsEnabled) {
    args_.set_exceptions.exception_mask = operation_.mask;
  } else if (operation_.kind == OpKind::kSetWaveLaunchMode) {
    args_.launch_mode = {.launch_mode = operation_.mode, .pad = 0};
  } else if (operation_.kind == OpKind::kSetNodeAddressWatch) {
    args_.set_watch = {.address = 0, .mode = 0, .mask = 0, .gpu_id = operation_.gpu, .id = 0};
  }
  return {.result = call(found->second)};
}

Answer Trap::enable() {
  constexpr std::uint64_t kEveryException = ~std::uint64_t{0} >> 1U;
  std::array<std::byte, 4096> buffer{};
  args_.enable = {.exception_mask = kEveryException,
                  .rinfo_ptr = address(buffer.data()),
                  .rinfo_size = operation_.size,
                  .dbg_fd = static_cast<std::uint32_t>(file_of(host_, files_, operation_.file))};
  Answer answer{.result = call(abi::TrapOp::kEnable)};
  constexpr std::size_t kRuntimeState = 8;  // its place in the struct
  answer.out = {args_.enable.rinfo_size, static_cast<std::uint64_t>(buffer[kRuntimeState])};
  return answer;
}

Answer Trap::send_event() {
  args_.send_runtime_event = {
      .exception_mask = operation_.mask, .gpu_id = operation_.gpu, .queue_id = operation_.queue};
  return {.result = call(abi::TrapOp::kSendRuntimeEvent)};
}

Answer Trap::control() {
  const bool suspends = operation_.kind == OpKind::kSuspendQueues;
  std::vector<std::uint32_t> ids(kArrayIds);
  std::ranges::copy(operation_.ids, ids.begin());
  const std::uint64_t array = address(ids.data());
  if (suspends) {
    args_.suspend = {.exception_mask = 0,
                     .queue_array_ptr = array,
                     .num_queues = operation_.count,
                     .grace_period = 0};
  } else {
    args_.resume = {.queue_array_ptr = array, .num_queues = operation_.count, .pad = 0};
  }
  Answer answer{.result =
                    call(suspends ? abi::TrapOp::kSuspendQueues : abi::TrapOp::kResumeQueues)};
  if (operation_.count <= Operation::kMaxIds && operation_.place == Place::kValid) {
    answer.id_count = operation_.count;
    std::copy_n(ids.begin(), operation_.count, answer.ids.begin());
  }
  return answer;
}

Answer Trap::snapshot() {
  std::vector<std::byte> buffer(kSnapshotBytes);
  args_.snapshot = {.exception_mask = operation_.mask,
                    .snapshot_buf_ptr = address(buffer.data()),
                    .num_queues = operation_.count,
                    .entry_size = operation_.size};
  Answer answer{.result = call(abi::TrapOp::kGetQueueSnapshot)};
  answer.out = {args_.snapshot.num_queues, args_.snapshot.entry_size};
  return answer;
}

Answer Trap::device_snapshot() {
  std::vector<std::byte> buffer(kSnapshotBytes);
  args_.device_snapshot = {.exception_mask = 0,
                           .snapshot_buf_ptr = address(buffer.data()),
                           .num_devices = operation_.count,
                           .entry_size = operation_.size};
  Answer answer{.result = call(abi::TrapOp::kGetDeviceSnapshot)};
  answer.out[0] = args_.device_snapshot.entry_size;
  return answer;
}

Answer Trap::exception_info() {
  std::array<std::byte, 64> buffer{};
  args_.exception_info = {.info_ptr = address(buffer.data()),
                          .info_size = operation_.size,
                          .source_id = operation_.queue,
                          .exception_code = operation_.number,
                          .clear_exception = 0};
  Answer answer{.result = call(abi::TrapOp::kQueryExceptionInfo)};
  answer.out[0] = args_.exception_info.info_size;
  return answer;
}

Answer Trap::query_event() {
  args_.query_event = {.exception_mask = operation_.mask, .gpu_id = 0, .queue_id = 0};
  Answer answer{.result = call(abi::TrapOp::kQueryDebugEvent)};
  answer.out[0] = args_.query_event.exception_mask;
  return answer;
}

Answer Trap::launch_override() {
  const auto mask = static_cast<std::uint32_t>(operation_.mask);
  args_.launch_override = {.override_mode = operation_.mode,
                           .enable_mask = mask,
                           .support_request_mask = mask,
                           .pad = 0};
  return {.result = call(abi::TrapOp::kSetWaveLaunchOverride)};
}

Answer Trap::set_flags() {
  args_.set_flags = {.flags = operation_.mode, .pad = 0};
  Answer answer{.result = call(abi::TrapOp::kSetFlags)};
  answer.out[0] = args_.set_flags.flags;
  return answer;
}

/// Any operation without arguments, on any descriptor, from any place.
Answer Trap::raw() {
  args_.op = static_cast<abi::TrapOp>(operation_.number);
  args_.pid =
      static_cast<std::uint32_t>(operation_.names_self != 0 ? host_.own_pid() : operation_.pid);
  const std::uint64_t place = address(&args_);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a bad address is a number
  void* const args = reinterpret_cast<void*>(static_cast<std::uintptr_t>(place));
  return {.result = result_of(
              host_.os().ioctl(file_of(host_, files_, operation_.file), abi::kDbgTrap, args))};
}

}  // namespace

Answer execute_trap(ActorHost& host, ActorFiles& files, const Operation& operation) {
  return Trap(host, files, operation).run();
}

}  // namespace gpreempt::conformance
