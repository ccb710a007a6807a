#pragma once

#include "backends/kfd/abi.h"
#include "core/event.h"

namespace gpreempt::kfd {

[[nodiscard]] constexpr QueueType type_of(abi::QueueKind kind) {
  const bool is_compute = kind == abi::QueueKind::kCompute || kind == abi::QueueKind::kComputeAql;
  return is_compute ? QueueType::kCompute : QueueType::kSdma;
}

}  // namespace gpreempt::kfd
