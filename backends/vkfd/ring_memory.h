#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "backends/kfd/os.h"
#include "backends/sim/system.h"
#include "core/ids.h"

namespace gpreempt::vkfd {

/// What a process of the simulated system has in memory for its compute queues, as its runtime
/// leaves it there: the positions of each ring, its packets as far as their completion signals, and
/// those signals. The newest packet stands for all work that the queue has left: its signal is 1
/// until that is done. nullopt: the first range begins in nothing of this.
[[nodiscard]] std::optional<kfd::SysResult<std::size_t>> read_ring_memory(
    sim::System& system, Pid pid, std::span<const kfd::MemoryRange> ranges);

}  // namespace gpreempt::vkfd
