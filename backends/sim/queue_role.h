#pragma once

#include <cstdint>

#include "core/event.h"

namespace gpreempt::sim {

/// ROCr gives the queue it keeps for itself a ring of 64 packets of 64 bytes.
/// Source: amd_gpu_agent.cpp of ROCr.
inline constexpr std::uint64_t kInternalRingBytes = 4096;

[[nodiscard]] constexpr QueueRole role_of(QueueType type, std::uint64_t ring_bytes) {
  if (type == QueueType::kSdma) {
    return QueueRole::kSdma;
  }
  return ring_bytes == kInternalRingBytes ? QueueRole::kInternal : QueueRole::kUser;
}

}  // namespace gpreempt::sim
