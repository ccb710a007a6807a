#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "core/time.h"

/// Who had a GPU when, as the world under a backend knows it.
namespace gpreempt {

/// What becomes of a queue. "Its own call" is one about the process that the queue belongs to.
enum class Occupancy : std::uint8_t {
  kRunning,    ///< on the GPU, if it has work
  kUnmapping,  ///< taken off for its own call, or at the end of a turn: waves drain or stop
  kSaving,     ///< the same: waves are being saved
  kSuspended,  ///< off for its own call: suspended, disabled or evicted
  kRestoring,  ///< comes back after its own call, or for a turn: mapping, waves are being restored
  kBystander,  ///< off for the call of another process, from its unmap until it may run again
  kWaiting,    ///< off until its next turn, on a GPU that is oversubscribed
  kGone,       ///< destroyed, or lost in a GPU reset
};
inline constexpr std::size_t kOccupancies = 8;
[[nodiscard]] std::string_view to_string(Occupancy occupancy);

/// A queue's state from `at` on.
struct OccupancyChange {
  Instant at;
  Pid pid;
  std::uint32_t gpu = 0;    ///< index into `BackendInfo::gpus`
  std::uint32_t queue = 0;  ///< user queues of that process on that GPU, in order of creation
  Occupancy state = Occupancy::kRunning;
  /// On the GPU as the state begins: those that were running, of kSaving those that are written to
  /// memory, of kRunning those that came back.
  std::uint32_t waves = 0;
};

/// What a testbed has recorded since it was asked to. Until `until` nothing is missing.
struct OccupancyRecord {
  std::vector<OccupancyChange> changes;  ///< in order of their instants
  Instant until = kForever;              ///< of the first change that found no room
  std::uint64_t left_out = 0;            ///< changes from then on
};

}  // namespace gpreempt
