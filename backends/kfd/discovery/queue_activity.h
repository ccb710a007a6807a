#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/os.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// Between the two looks of `measure_activity`.
inline constexpr Duration kActivityGap = std::chrono::milliseconds(5);

/// What the ring of each row's queue says: two looks, `kActivityGap` apart, see `ActivityMeter`. A
/// queue that is off the GPU may be busy: its packets wait. nullopt: no ring is known, or it cannot
/// be read. Needs the driver's pids to be this process's, see `pid_view`. Blocks: for the gap.
/// Errors: ECANCELED (the world ended).
[[nodiscard]] SysResult<std::vector<std::optional<Activity>>> measure_activity(
    Os& os, std::span<const QueueRow> rows);

}  // namespace gpreempt::kfd
