#include "backends/kfd/session_queues.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <span>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/messages.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

bool same_queue(const abi::QueueSnapshotEntry& a, const abi::QueueSnapshotEntry& b) {
  return a.queue_id == b.queue_id && a.gpu_id == b.gpu_id &&
         (a.ring_base_address == b.ring_base_address || GPREEMPT_MUTANT("queue-by-number-only"));
}

}  // namespace

SessionQueues::Changes SessionQueues::apply(std::span<const abi::QueueSnapshotEntry> snapshot) {
  Changes changes;
  // Both are in order of creation, so usually all of them match pair by pair. Nothing is concluded
  // from the order, only time is saved: whatever follows the first difference is searched for.
  const auto differ =
      std::mismatch(queues_.begin(), queues_.end(), snapshot.rbegin(), snapshot.rend(),
                    [](const Queue& queue, const abi::QueueSnapshotEntry& seen) {
                      return same_queue(queue.entry, seen);
                    });
  const auto unmatched = differ.first;
  const auto is_gone = [&](const Queue& queue) {
    return std::none_of(differ.second, snapshot.rend(), [&](const abi::QueueSnapshotEntry& seen) {
      return same_queue(queue.entry, seen);
    });
  };
  const auto is_known = [&](const abi::QueueSnapshotEntry& seen) {
    return std::any_of(unmatched, queues_.end(),
                       [&](const Queue& queue) { return same_queue(queue.entry, seen); });
  };
  std::vector<abi::QueueSnapshotEntry> born;
  std::copy_if(differ.second, snapshot.rend(), std::back_inserter(born), std::not_fn(is_known));
  std::for_each(unmatched, queues_.end(), [&](const Queue& queue) {
    if (is_gone(queue)) {
      changes.gone.push_back(queue.serial);
    }
  });
  std::erase_if(queues_, [&](const Queue& queue) {
    return std::binary_search(changes.gone.begin(), changes.gone.end(), queue.serial);
  });
  for (const abi::QueueSnapshotEntry& entry : born) {
    const QueueSerial serial(next_serial_++);
    queues_.push_back({.serial = serial, .entry = entry, .suspended_until = std::nullopt});
    changes.born.push_back({.serial = serial, .entry = entry});
  }
  return changes;
}

std::size_t SessionQueues::place_of(QueueSerial serial) const {
  if (queues_.empty() || serial < queues_.front().serial) {
    return queues_.size();
  }
  // Serials grow along the list, so none stands behind the place it has when no queue is missing.
  const std::size_t distance = serial.value() - queues_.front().serial.value();
  const std::size_t last = std::min(distance, queues_.size() - 1);
  if (queues_[last].serial == serial) {
    return last;
  }
  const auto end = queues_.begin() + static_cast<std::ptrdiff_t>(last);
  const auto found = std::lower_bound(
      queues_.begin(), end, serial,
      [](const Queue& queue, QueueSerial wanted) { return queue.serial < wanted; });
  return found != end && found->serial == serial ? static_cast<std::size_t>(found - queues_.begin())
                                                 : queues_.size();
}

std::optional<std::uint32_t> SessionQueues::kernel_id(QueueSerial serial) const {
  const std::size_t place = place_of(serial);
  return place == queues_.size() ? std::nullopt : std::optional(queues_[place].entry.queue_id);
}

SessionQueues::Queue* SessionQueues::find(QueueSerial serial) {
  const std::size_t place = place_of(serial);
  return place == queues_.size() ? nullptr : &queues_[place];
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
