// Exceptions, and the snapshot that clears them.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/kfd_state.h"
#include "backends/sim/task.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::sim {

/// `status`: of the process itself or of one of its queues.
void KfdModel::raise(Process& process, std::uint64_t& status, std::uint64_t exceptions) {
  status |= exceptions;
  if (process.debug_enabled && (process.exception_mask & exceptions) != 0 && process.notify) {
    process.notify();
  }
}

long KfdModel::query_event(Caller caller, Pid target, std::uint64_t clear, DebugEvent& event) {
  if (const long error = check(caller, target, Gate::kSession); error != 0) {
    return error;
  }
  Process& process = *find(target);
  for (auto& [id, queue] : process.queues) {
    if ((queue.exceptions & process.exception_mask) != 0) {
      event = DebugEvent{.exceptions = queue.exceptions, .gpu = queue.gpu, .queue = id};
      queue.exceptions &= ~clear;
      return 0;
    }
  }
  if ((process.process_exceptions & process.exception_mask) != 0) {
    event = DebugEvent{.exceptions = process.process_exceptions};
    process.process_exceptions &= ~clear;
    return 0;
  }
  return -EAGAIN;
}

/// kfd_dbg_send_exception_to_runtime: the runtime of a modelled process acts on no exception.
long KfdModel::send_runtime_event(Caller caller, Pid target, std::uint64_t mask,
                                  std::optional<std::uint32_t> gpu) {
  if (const long error = check(caller, target, Gate::kSession); error != 0) {
    return error;
  }
  Process& process = *find(target);
  if ((mask & kDeviceMemoryViolation) != 0 && (!gpu || process.device(*gpu) == nullptr)) {
    return -ENODEV;
  }
  if ((mask & kProcessRuntime) != 0 && !GPREEMPT_MUTANT("send-answers-nothing")) {
    process.runtime_answered.up();
  }
  return 0;
}

long KfdModel::set_exceptions(Caller caller, Pid target, std::uint64_t mask) {
  if (const long error = check(caller, target, Gate::kSession); error != 0) {
    return error;
  }
  Process& process = *find(target);
  std::uint64_t pending = process.process_exceptions;
  for (const auto& [id, queue] : process.queues) {
    pending |= queue.exceptions;
  }
  process.exception_mask = mask;
  if ((pending & mask) != 0 && process.notify) {
    process.notify();
  }
  return 0;
}

void KfdModel::snapshot(Caller caller, Pid target, std::uint64_t clear, std::size_t capacity,
                        SnapshotReply reply) {
  tasks_.start(do_snapshot(caller, target, clear, capacity, std::move(reply)));
}

Task KfdModel::do_snapshot(Caller caller, Pid target, std::uint64_t clear, std::size_t capacity,
                           SnapshotReply reply) {
  co_await Delay(timeline_, parameters(0).t_ioctl);
  std::vector<QueueEntry> entries;
  if (const long error = check(caller, target, Gate::kSession); error != 0) {
    reply(error, entries);
    co_return;
  }
  Process& process = *find(target);
  co_await process.mutex.acquire();
  for (auto& [id, queue] : process.queues) {
    entries.push_back(QueueEntry{.id = queue.id,
                                 .gpu = queue.gpu,
                                 .type = queue.type,
                                 .ring_bytes = queue.ring_bytes,
                                 .ring_base = queue.ring_base(),
                                 .exceptions = queue.exceptions});
  }
  std::ranges::sort(entries, std::ranges::greater{}, &QueueEntry::ring_base);  // newest first
  for (std::size_t i = 0;
       i < (GPREEMPT_MUTANT("snapshot-clears-unseen") ? entries.size()
                                                      : std::min(capacity, entries.size()));
       ++i) {
    process.queues.at(entries[i].id).exceptions &=
        GPREEMPT_MUTANT("snapshot-keeps-new") ? ~std::uint64_t{0} : ~clear;
  }
  process.mutex.release();
  reply(0, entries);
}

}  // namespace gpreempt::sim
