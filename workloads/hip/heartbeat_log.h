#pragma once

#include <cstdint>
#include <vector>

/// What a heartbeat kernel saw. It is one wave on a queue of its own that reads the GPU's clock
/// without a pause; while the process' queues are off the GPU it reads nothing, and that shows as a
/// gap.
namespace gpreempt::hip {

/// Two beats next to each other that were further apart than the threshold.
struct HeartbeatGap {
  std::uint64_t from_ticks = 0;
  std::uint64_t to_ticks = 0;
};

struct HeartbeatLog {
  std::uint64_t first_ticks = 0;
  std::uint64_t last_ticks = 0;
  std::uint64_t beats = 0;
  std::uint64_t gaps_seen = 0;     ///< also those that `gaps` had no room for
  std::vector<HeartbeatGap> gaps;  ///< in order
};

}  // namespace gpreempt::hip
