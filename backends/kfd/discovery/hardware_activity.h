#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "backends/kfd/activity.h"
#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/discovery/queue_slots.h"

namespace gpreempt::kfd {

/// What the hardware's state says of a compute queue's work: the slow check beside its ring, for
/// printing hqds takes thousands of register reads.
///
/// A mapped queue whose slots have read less than was written is busy; otherwise its last packets
/// may still run: `kMaybeIdle`. An unmapped one is busy if waves of it are saved, or if its
/// descriptor has packets left; otherwise no wave of it exists, and only packets that were written
/// since are work: `kIdle` with regard to the hardware. nullopt: nothing is known of its slots.
[[nodiscard]] std::optional<Activity> hardware_activity(const debugfs::MqdsQueue& queue,
                                                        const FoundSlots& found,
                                                        const debugfs::HqdsDump& hqds);

/// Packets that were written to an AQL ring and that firmware has not read: of a mapped queue by
/// its slots, and of its XCCs the one with most; of an unmapped one those that it had as it was
/// taken off, for nobody counts what was written since. nullopt: another format, or nothing is
/// known of its slots.
[[nodiscard]] std::optional<std::uint64_t> hardware_backlog(const debugfs::MqdsQueue& queue,
                                                            const FoundSlots& found,
                                                            const debugfs::HqdsDump& hqds);

/// The fewest packets that are no light backlog.
inline constexpr std::uint64_t kHeavierThanLight = 100;
/// "idle" (0), "light", "medium", "heavy" (500 and more).
[[nodiscard]] std::string_view backlog_grade(std::uint64_t packets);

/// What the ring and the hardware say together. A ring that has nothing left and whose last packet
/// cannot be seen is idle if the hardware has no wave of it, and busy if the hardware is behind.
/// Without the ring the hardware can only prove work.
[[nodiscard]] std::optional<Activity> combine_activity(std::optional<Activity> ring,
                                                       std::optional<Activity> hardware);

}  // namespace gpreempt::kfd
