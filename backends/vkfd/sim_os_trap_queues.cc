#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "backends/vkfd/driver_call.h"  // IWYU pragma: keep, what `enter_driver` returns
#include "backends/vkfd/machine.h"
#include "backends/vkfd/queue_places.h"
#include "backends/vkfd/sim_os.h"
#include "backends/vkfd/user_memory.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

/// DBG_TRAP's operations on queues.
/// Source: drivers/gpu/drm/amd/amdkfd/kfd_device_queue_manager.c, get_queue_ids and its callers.
namespace gpreempt::vkfd {

using sim::KfdModel;
namespace abi = kfd::abi;

namespace {

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

/// The id array of SUSPEND and RESUME.
KfdModel::IdArray copy_ids(const UserMemory& memory, std::uint64_t address, std::uint32_t count) {
  if (count == 0) {
    return {};
  }
  if (address == 0 || count > abi::kMaxQueues) {
    return {.ids = {}, .fault = -EINVAL};
  }
  KfdModel::IdArray result{.ids = std::vector<std::uint32_t>(count), .fault = 0};
  if (!memory.copy_in(result.ids.data(), address, count * sizeof result.ids[0])) {
    result.fault = -EFAULT;
  }
  return result;
}

/// An array that cannot be written loses the driver's marks, and the call succeeds.
void copy_ids_out(const UserMemory& memory, const std::vector<std::uint32_t>& ids,
                  std::uint64_t address) {
  (void)memory.copy_out(address, ids.data(), ids.size() * sizeof ids[0]);
}

abi::QueueSnapshotEntry to_abi(const KfdModel::QueueEntry& entry, const KfdModel& model) {
  return {.exception_status = entry.exceptions,
          .ring_base_address = entry.ring_base,
          .write_pointer_address = write_pointer_of(entry.ring_base),
          .read_pointer_address = read_pointer_of(entry.ring_base),
          .ctx_save_restore_address = save_area_of(entry.ring_base),
          .queue_id = entry.id,
          .gpu_id = sim::gpu_id_of(entry.gpu).value(),
          .ring_size = static_cast<std::uint32_t>(entry.ring_bytes),
          .queue_type =
              entry.type == QueueType::kSdma ? abi::QueueKind::kSdma : abi::QueueKind::kComputeAql,
          .ctx_save_restore_area_size =
              static_cast<std::uint32_t>(model.parameters(entry.gpu).cwsr_area_bytes)};
}

}  // namespace

long SimOs::trap_snapshot(Pid target, abi::TrapQueueSnapshot& args) {
  const std::size_t stride = args.entry_size;
  const std::size_t capacity = stride == 0 ? 0 : args.num_queues;
  const auto call = enter_driver("DBG_TRAP GET_QUEUE_SNAPSHOT", target);
  machine_.system().kfd().snapshot(caller(), target, args.exception_mask, capacity,
                                   [call](long result, const auto& entries) {
                                     call->entries = entries;
                                     call->reply(result);
                                   });
  if (!await(*call) || call->result < 0) {
    return call->result;
  }
  args.num_queues = 0;
  if (stride == 0) {
    return -EINVAL;
  }
  const auto size = std::min<std::size_t>(stride, sizeof(abi::QueueSnapshotEntry));
  args.entry_size = static_cast<std::uint32_t>(size);
  for (std::size_t i = 0; i < std::min(capacity, call->entries.size()); ++i) {
    const auto entry = to_abi(call->entries[i], machine_.system().kfd());
    if (!machine_.memory().copy_out(args.snapshot_buf_ptr + i * stride, &entry, size)) {
      return -EFAULT;
    }
  }
  args.num_queues = static_cast<std::uint32_t>(call->entries.size());
  return call->result;
}

long SimOs::trap_suspend(Pid target, const abi::TrapSuspend& args) {
  const auto grace = decode_grace(args.grace_period, machine_.system().options().gpu.clock_hz);
  KfdModel::IdArray array = copy_ids(machine_.memory(), args.queue_array_ptr, args.num_queues);
  const auto call = enter_driver("DBG_TRAP SUSPEND_QUEUES", target);
  machine_.system().kfd().suspend_array(caller(), target, std::move(array), grace,
                                        [call](long result, const auto& ids) {
                                          call->ids = ids;
                                          call->reply(result);
                                        });
  if (await(*call) && call->result >= 0) {
    copy_ids_out(machine_.memory(), call->ids, args.queue_array_ptr);
  }
  return call->result;
}

long SimOs::trap_resume(Pid target, const abi::TrapResume& args) {
  KfdModel& model = machine_.system().kfd();
  KfdModel::IdArray array;
  if (args.queue_array_ptr != 0) {
    array = copy_ids(machine_.memory(), args.queue_array_ptr, args.num_queues);
  } else {
    // No array: every queue of the target.
    for (std::uint32_t id = 0; id < abi::kMaxQueues; ++id) {
      if (model.hardware_queue(target, id)) {
        array.ids.push_back(id);
      }
    }
  }
  const auto call = enter_driver("DBG_TRAP RESUME_QUEUES", target);
  model.resume_array(caller(), target, std::move(array), [call](long result, const auto& after) {
    call->ids = after;
    call->reply(result);
  });
  if (await(*call) && call->result >= 0 && args.queue_array_ptr != 0) {
    copy_ids_out(machine_.memory(), call->ids, args.queue_array_ptr);
  }
  return call->result;
}

}  // namespace gpreempt::vkfd
