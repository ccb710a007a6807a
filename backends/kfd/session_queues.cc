#include "backends/kfd/session_queues.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/messages.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

bool same_queue(const abi::QueueSnapshotEntry& a, const abi::QueueSnapshotEntry& b) {
  return a.queue_id == b.queue_id && a.gpu_id == b.gpu_id &&
         a.ring_base_address == b.ring_base_address;
}

}  // namespace

SessionQueues::Changes SessionQueues::apply(std::span<const abi::QueueSnapshotEntry> snapshot) {
  Changes changes;
  const auto is_gone = [&](const Queue& queue) {
    return std::none_of(snapshot.begin(), snapshot.end(), [&](const abi::QueueSnapshotEntry& seen) {
      return same_queue(queue.entry, seen);
    });
  };
  for (const Queue& queue : queues_) {
    if (is_gone(queue)) {
      changes.gone.push_back(queue.serial);
    }
  }
  std::erase_if(queues_, [&](const Queue& queue) {
    return std::binary_search(changes.gone.begin(), changes.gone.end(), queue.serial);
  });
  for (auto seen = snapshot.rbegin(); seen != snapshot.rend(); ++seen) {
    const bool known = std::any_of(queues_.begin(), queues_.end(), [&](const Queue& queue) {
      return same_queue(queue.entry, *seen);
    });
    if (!known) {
      const QueueSerial serial(next_serial_++);
      queues_.push_back({.serial = serial, .entry = *seen, .suspended_until = std::nullopt});
      changes.born.push_back({.serial = serial, .entry = *seen});
    }
  }
  return changes;
}

std::optional<std::uint32_t> SessionQueues::kernel_id(QueueSerial serial) const {
  for (const Queue& queue : queues_) {
    if (queue.serial == serial) {
      return queue.entry.queue_id;
    }
  }
  return std::nullopt;
}

SessionQueues::Queue* SessionQueues::find(QueueSerial serial) {
  const auto found = std::find_if(queues_.begin(), queues_.end(),
                                  [&](const Queue& queue) { return queue.serial == serial; });
  return found == queues_.end() ? nullptr : &*found;
}

void SessionQueues::set_suspended(QueueSerial serial, Instant until) {
  if (Queue* queue = find(serial)) {
    queue->suspended_until = until;
  }
}

void SessionQueues::set_running(QueueSerial serial) {
  if (Queue* queue = find(serial)) {
    queue->suspended_until.reset();
  }
}

std::vector<QueueSerial> SessionQueues::due(Instant now) const {
  std::vector<QueueSerial> serials;
  for (const Queue& queue : queues_) {
    if (queue.suspended_until && *queue.suspended_until <= now) {
      serials.push_back(queue.serial);
    }
  }
  return serials;
}

Instant SessionQueues::first_due() const {
  Instant first = kForever;
  for (const Queue& queue : queues_) {
    first = std::min(first, queue.suspended_until.value_or(kForever));
  }
  return first;
}

}  // namespace gpreempt::kfd
