#pragma once

#include <cstdint>
#include <limits>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/system.h"
#include "core/program.h"

/// Hardware for which everything follows from theory.
namespace gpreempt::validation {

/// A GPU of 80 CUs on which nothing costs time but kernels.
[[nodiscard]] inline sim::GpuParameters free_gpu() {
  sim::GpuParameters gpu;
  gpu.xccs = 4;
  gpu.cus_per_xcc = 20;
  gpu.clock_hz = 1e18;
  gpu.save_bandwidth = std::numeric_limits<double>::infinity();
  gpu.xcc_bandwidth = std::numeric_limits<double>::infinity();
  gpu.cu_bytes_per_clock = std::numeric_limits<double>::infinity();
  gpu.system_bandwidth = std::numeric_limits<double>::infinity();
  return gpu;
}

/// Four waves of 64 VGPRs: 8 workgroups on a CU by wave slots, `kFull` on `free_gpu`.
[[nodiscard]] inline KernelShape small_workgroups(std::uint32_t workgroups) {
  return KernelShape{.workgroups = workgroups, .waves = 4, .vgprs = 64};
}
inline constexpr std::uint32_t kFull = 640;

[[nodiscard]] inline sim::SystemOptions free_system() {
  return sim::SystemOptions{.gpu = free_gpu(), .gpus = 1, .personality = {.name = "free"}};
}

}  // namespace gpreempt::validation
