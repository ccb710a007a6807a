#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/messages.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// The queues of one target as the last snapshot had them, and until when each is suspended. The
/// driver does not say which queues are suspended, so this is the only record of it.
class SessionQueues {
 public:
  struct Changes {
    std::vector<QueueSerial> gone;
    std::vector<SessionQueueBorn> born;  ///< oldest first
  };

  /// Takes a snapshot in (newest first, as the driver gives it). A queue with a known id but
  /// another ring or GPU is another queue.
  [[nodiscard]] Changes apply(std::span<const abi::QueueSnapshotEntry> snapshot);

  /// The driver's id, nullopt for a queue that is gone.
  [[nodiscard]] std::optional<std::uint32_t> kernel_id(QueueSerial serial) const;

  void set_suspended(QueueSerial serial, Instant until);
  void set_running(QueueSerial serial);

  /// Suspended queues whose lease ends at `now` or before; all suspended ones at `kForever`.
  [[nodiscard]] std::vector<QueueSerial> due(Instant now) const;
  /// End of the first lease, `kForever` without one.
  [[nodiscard]] Instant first_due() const;

 private:
  struct Queue {
    QueueSerial serial;
    abi::QueueSnapshotEntry entry;
    std::optional<Instant> suspended_until;
  };
  /// Its index in the list, or the list's size.
  [[nodiscard]] std::size_t place_of(QueueSerial serial) const;
  [[nodiscard]] Queue* find(QueueSerial serial);

  std::vector<Queue> queues_;  // in order of serial
  std::uint32_t next_serial_ = 0;
};

}  // namespace gpreempt::kfd
