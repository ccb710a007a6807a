#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/system.h"
#include "core/program.h"

namespace gpreempt::sim {

/// A GPU of 80 CUs on which nothing costs time but kernels.
inline GpuParameters free_gpu() {
  GpuParameters gpu;
  gpu.xccs = 4;
  gpu.cus_per_xcc = 20;
  gpu.clock_hz = 1e18;
  gpu.save_bandwidth = std::numeric_limits<double>::infinity();
  gpu.xcc_bandwidth = std::numeric_limits<double>::infinity();
  gpu.cu_bytes_per_clock = std::numeric_limits<double>::infinity();
  gpu.system_bandwidth = std::numeric_limits<double>::infinity();
  return gpu;
}

/// Four waves of 64 VGPRs: 8 workgroups on a CU by wave slots, 640 on `free_gpu`.
inline KernelShape small_workgroups(std::uint32_t workgroups) {
  return KernelShape{.workgroups = workgroups, .waves = 4, .vgprs = 64};
}
inline constexpr std::uint32_t kFull = 640;

/// Sanitizer builds set GPREEMPT_SHORT: shorter campaigns, which check the code more than the
/// claim.
inline bool short_campaign() { return std::getenv("GPREEMPT_SHORT") != nullptr; }

inline SystemOptions free_system() {
  return SystemOptions{.gpu = free_gpu(), .gpus = 1, .personality = {.name = "test"}};
}

}  // namespace gpreempt::sim
