#include "backends/kfd/discovery/hardware_activity.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "backends/kfd/activity.h"
#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "backends/kfd/discovery/queue_slots.h"

namespace gpreempt::kfd {
namespace {

/// Registers count dwords modulo the ring.
bool has_packets_left(const debugfs::QueueState& state) {
  constexpr std::uint64_t kBytesPerDword = 4;
  const std::uint64_t dwords = state.ring_bytes() / kBytesPerDword;
  return dwords > 0 && state.write_position() % dwords != state.read_position() % dwords;
}

bool is_behind(const debugfs::HqdsDump& hqds, const FoundSlots& found,
               const debugfs::QueueState& own) {
  return std::ranges::any_of(hqds.slots, [&](const debugfs::HqdSlot& slot) {
    const QueueSlot place{.xcc = slot.instance, .pipe = slot.pipe, .queue = slot.queue};
    if (slot.kind != debugfs::HqdKind::kCp || !hqds.is_active(slot) ||
        std::ranges::find(found.slots, place) == found.slots.end()) {
      return false;
    }
    const debugfs::QueueState state = hqds.state_of(slot);
    // The same place on another GPU has another ring.
    return state.ring_base() == own.ring_base() && has_packets_left(state);
  });
}

}  // namespace

std::optional<Activity> hardware_activity(const debugfs::MqdsQueue& queue, const FoundSlots& found,
                                          const debugfs::HqdsDump& hqds) {
  if (queue.kind != debugfs::MqdKind::kCompute || queue.dumped() == 0 ||
      found.mapping == Mapping::kUnknown) {
    return std::nullopt;
  }
  const debugfs::QueueState first = debugfs::state_of(queue.mqd(0));
  if (found.mapping != Mapping::kUnmapped) {
    return is_behind(hqds, found, first) ? Activity::kBusy : Activity::kMaybeIdle;
  }
  for (std::size_t xcc = 0; xcc < queue.owned(); ++xcc) {
    if (debugfs::state_of(queue.mqd(xcc)).saved_bytes() > 0) {
      return Activity::kBusy;
    }
  }
  return has_packets_left(first) ? Activity::kBusy : Activity::kIdle;
}

std::optional<Activity> combine_activity(std::optional<Activity> ring,
                                         std::optional<Activity> hardware) {
  if (!hardware || ring == Activity::kBusy || ring == Activity::kIdle) {
    return ring;
  }
  if (ring) {
    return hardware;
  }
  return *hardware == Activity::kBusy ? hardware : std::optional(Activity::kMaybeIdle);
}

}  // namespace gpreempt::kfd
