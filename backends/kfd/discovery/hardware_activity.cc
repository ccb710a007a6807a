#include "backends/kfd/discovery/hardware_activity.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "backends/kfd/activity.h"
#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "backends/kfd/discovery/queue_slots.h"

namespace gpreempt::kfd {
namespace {

/// Registers count dwords modulo the ring.
std::uint64_t dwords_left(const debugfs::QueueState& state) {
  constexpr std::uint64_t kBytesPerDword = 4;
  const std::uint64_t ring = state.ring_bytes() / kBytesPerDword;
  return ring == 0 ? 0
                   : (state.write_position() % ring + ring - state.read_position() % ring) % ring;
}

/// Of its slots, the one that is furthest behind: each XCC reads the ring for itself.
std::uint64_t dwords_behind(const debugfs::HqdsDump& hqds, const FoundSlots& found,
                            const debugfs::QueueState& own) {
  std::uint64_t most = 0;
  for (const debugfs::HqdSlot& slot : hqds.slots) {
    const QueueSlot place{.xcc = slot.instance, .pipe = slot.pipe, .queue = slot.queue};
    if (slot.kind != debugfs::HqdKind::kCp || !hqds.is_active(slot) ||
        std::ranges::find(found.slots, place) == found.slots.end()) {
      continue;
    }
    const debugfs::QueueState state = hqds.state_of(slot);
    // The same place on another GPU has another ring.
    if (state.ring_base() == own.ring_base()) {
      most = std::max(most, dwords_left(state));
    }
  }
  return most;
}

/// nullopt: nothing is known of its slots.
std::optional<debugfs::QueueState> known_state(const debugfs::MqdsQueue& queue,
                                               const FoundSlots& found) {
  if (queue.kind != debugfs::MqdKind::kCompute || queue.dumped() == 0 ||
      found.mapping == Mapping::kUnknown) {
    return std::nullopt;
  }
  return debugfs::state_of(queue.mqd(0));
}

}  // namespace

std::optional<Activity> hardware_activity(const debugfs::MqdsQueue& queue, const FoundSlots& found,
                                          const debugfs::HqdsDump& hqds) {
  const std::optional<debugfs::QueueState> first = known_state(queue, found);
  if (!first) {
    return std::nullopt;
  }
  if (found.mapping != Mapping::kUnmapped) {
    return dwords_behind(hqds, found, *first) > 0 ? Activity::kBusy : Activity::kMaybeIdle;
  }
  for (std::size_t xcc = 0; xcc < queue.owned(); ++xcc) {
    if (debugfs::state_of(queue.mqd(xcc)).saved_bytes() > 0) {
      return Activity::kBusy;
    }
  }
  return dwords_left(*first) > 0 ? Activity::kBusy : Activity::kIdle;
}

std::optional<std::uint64_t> hardware_backlog(const debugfs::MqdsQueue& queue,
                                              const FoundSlots& found,
                                              const debugfs::HqdsDump& hqds) {
  constexpr std::uint64_t kDwordsPerPacket = 16;
  const std::optional<debugfs::QueueState> first = known_state(queue, found);
  if (!first || !first->is_aql()) {
    return std::nullopt;
  }
  const std::uint64_t dwords = found.mapping == Mapping::kUnmapped
                                   ? dwords_left(*first)
                                   : dwords_behind(hqds, found, *first);
  return (dwords + kDwordsPerPacket - 1) / kDwordsPerPacket;
}

std::string_view backlog_grade(std::uint64_t packets) {
  constexpr std::uint64_t kMedium = 500;
  if (packets == 0) {
    return "idle";
  }
  if (packets < kHeavierThanLight) {
    return "light";
  }
  return packets < kMedium ? "medium" : "heavy";
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
