#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"

/// The descriptors of a virtual machine's queues, as the driver would have written them.
namespace gpreempt::vkfd {

using Words = std::vector<std::uint32_t>;
using ListedQueue = sim::KfdModel::ListedQueue;

inline constexpr std::uint32_t kWordBytes = 4;
inline constexpr std::uint32_t kSdmaEngines = 2;
inline constexpr std::uint32_t kRlcsPerEngine = 8;

/// Writes a number into two words, the low half first.
void put_pair(Words& words, std::size_t low, std::uint64_t value);

/// An AQL queue's on one XCC: what init_mqd and update_mqd write, and what the firmware left of its
/// waves in the save area. Source: kfd_mqd_manager_v9.c, gfx9.4.3.
[[nodiscard]] Words compute_mqd(sim::System& system, const ListedQueue& queue, std::uint32_t xcc);

/// An SDMA queue's; `place` says which of its GPU's SDMA queues it is. Source: update_mqd_sdma.
[[nodiscard]] Words sdma_mqd(const ListedQueue& queue, std::uint32_t place);

}  // namespace gpreempt::vkfd
