#include "backends/kfd/launch/packet_count.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/observed_queues.h"
#include "backends/kfd/os.h"

namespace gpreempt::kfd {

std::uint64_t PacketCount::look(Os& os) {
  auto queues = os.list_dir(queue_folder(sysfs_root_, pid_)).value_or(std::vector<std::string>());
  if (queues != queues_) {
    if (auto rings = find_rings(os, debugfs_, pid_)) {
      rings_ = *std::move(rings);
      queues_ = std::move(queues);
    }
  }
  for (const RingPlace& ring : rings_) {
    if (!ring.is_aql) {
      continue;
    }
    std::uint64_t position = 0;
    const std::array<MemoryRange, 1> range{MemoryRange{
        .address = ring.read_pointer, .into = std::as_writable_bytes(std::span(&position, 1))}};
    const auto got = os.read_memory(pid_, range);
    if (!got || *got != sizeof position) {
      continue;
    }
    // A queue that was made since then began at 0, and so did one at the place of another.
    const auto [last, is_new] = last_.try_emplace(ring.read_pointer, is_first_ ? position : 0);
    total_ += position >= last->second ? position - last->second : position;
    last->second = position;
  }
  is_first_ = is_first_ && rings_.empty();
  return total_;
}

}  // namespace gpreempt::kfd
