#pragma once

#include <cstdint>

#include "backends/kfd/abi.h"
#include "core/event.h"

namespace gpreempt::kfd {

/// ROCr makes the queue that it keeps for itself with 64 packets of 64 bytes.
/// Source: amd_gpu_agent.cpp of ROCr.
inline constexpr std::uint64_t kInternalRingBytes = 4096;

[[nodiscard]] constexpr QueueType type_of(abi::QueueKind kind) {
  const bool is_compute = kind == abi::QueueKind::kCompute || kind == abi::QueueKind::kComputeAql;
  return is_compute ? QueueType::kCompute : QueueType::kSdma;
}

[[nodiscard]] constexpr QueueRole role_of(QueueType type, std::uint64_t ring_bytes) {
  if (type == QueueType::kSdma) {
    return QueueRole::kSdma;
  }
  return ring_bytes == kInternalRingBytes ? QueueRole::kInternal : QueueRole::kUser;
}

}  // namespace gpreempt::kfd
