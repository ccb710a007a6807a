#include "backends/kfd/flight_recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/flight_record.h"
#include "backends/kfd/forwarding_os.h"
#include "backends/kfd/os.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

constexpr std::uint32_t kSizeMask = 0x3fffU;

std::size_t size_of(std::uint32_t request) { return (request >> 16U) & kSizeMask; }

std::vector<std::byte> copy_bytes(const void* from, std::size_t count) {
  const auto* const bytes = static_cast<const std::byte*>(from);
  return {bytes, bytes + count};
}

/// The arguments of an entry, if it is of DBG_TRAP.
std::optional<abi::TrapArgs> trap_args(const std::vector<std::byte>& arguments,
                                       std::uint32_t request) {
  abi::TrapArgs args{};
  if (request != abi::kDbgTrap || arguments.size() != sizeof args) {
    return std::nullopt;
  }
  std::memcpy(&args, arguments.data(), sizeof args);
  return args;
}

struct IdArray {
  std::uint64_t address = 0;
  std::uint32_t count = 0;
};

/// The id array that a call names; empty for one that names none.
IdArray id_array(const std::optional<abi::TrapArgs>& args) {
  if (args && args->op == abi::TrapOp::kSuspendQueues) {
    return {.address = args->suspend.queue_array_ptr, .count = args->suspend.num_queues};
  }
  if (args && args->op == abi::TrapOp::kResumeQueues) {
    return {.address = args->resume.queue_array_ptr, .count = args->resume.num_queues};
  }
  return {};
}

template <class T>
std::vector<T> copy_from(std::uint64_t address, std::size_t count) {
  std::vector<T> copied(address == 0 ? 0 : count);
  if (!copied.empty()) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the ABI passes pointers as numbers
    std::memcpy(copied.data(), reinterpret_cast<const void*>(static_cast<std::uintptr_t>(address)),
                copied.size() * sizeof(T));
  }
  return copied;
}

std::vector<std::byte> filled_snapshot(const std::optional<abi::TrapArgs>& before,
                                       const std::optional<abi::TrapArgs>& after) {
  if (!before || !after || before->op != abi::TrapOp::kGetQueueSnapshot) {
    return {};
  }
  const std::size_t filled = std::min(before->snapshot.num_queues, after->snapshot.num_queues);
  return copy_from<std::byte>(before->snapshot.snapshot_buf_ptr,
                              filled * before->snapshot.entry_size);
}

}  // namespace

FlightRecorder::FlightRecorder(Os& inner, FlightOptions options)
    : ForwardingOs(inner), options_(std::move(options)), log_(options_.capacity) {}

SysResult<long> FlightRecorder::ioctl(Fd fd, std::uint32_t request, void* arg) {
  const std::size_t size = arg == nullptr ? 0 : size_of(request);
  FlightEntry entry{.request = request};
  entry.thread = self();
  entry.arguments = copy_bytes(arg, size);
  const auto before = trap_args(entry.arguments, request);
  const IdArray ids = id_array(before);
  entry.ids = copy_from<std::uint32_t>(ids.address, ids.count);
  entry.begin = now();
  auto result = ForwardingOs::ioctl(fd, request, arg);
  entry.took = now() - entry.begin;
  entry.result = result ? *result : -std::int64_t{result.error().number};
  entry.arguments_after = copy_bytes(arg, size);
  entry.ids_after = copy_from<std::uint32_t>(ids.address, ids.count);
  if (result) {
    entry.snapshot = filled_snapshot(before, trap_args(entry.arguments_after, request));
  }
  log_.add(entry);
  look_for_anomaly(entry);
  return result;
}

void FlightRecorder::look_for_anomaly(const FlightEntry& entry) const {
  if (!options_.on_anomaly) {
    return;
  }
  const bool has_error = std::ranges::any_of(
      entry.ids_after, [](std::uint32_t id) { return (id & abi::kQueueError) != 0; });
  if (entry.result == -EIO || has_error) {
    options_.on_anomaly(fmt::format("{}: the GPU did not do it", name_of_call(entry)));
  } else if (entry.took > options_.slow) {
    constexpr double kNsPerMs = 1e6;
    options_.on_anomaly(fmt::format("{}: it took {:.1f} ms", name_of_call(entry),
                                    static_cast<double>(to_ns(entry.took)) / kNsPerMs));
  }
}

std::string FlightRecorder::dump() const {
  return write_flight_record(log_.entries(), log_.lost());
}

}  // namespace gpreempt::kfd
