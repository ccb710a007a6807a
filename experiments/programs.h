#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/backend.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"

/// What the experiments run.
namespace gpreempt::experiments {

/// Workgroups with 128 registers a lane and 4 waves: four of them take all registers of a CU of
/// 512 KiB, so that nothing else is placed beside them.
inline constexpr std::uint32_t kWorkgroupsThatFillACu = 4;

/// One kernel that lies on `share` (0 to 1) of the GPU's registers, at least one workgroup.
[[nodiscard]] KernelRun kernel_on(const GpuInfo& gpu, double share, Duration duration);

/// A process that runs such kernels one after another for ever, on the first of its queues.
[[nodiscard]] Program endless(std::string name, const GpuInfo& gpu, double share, Duration kernel);

/// Models A and B of the plan: the tenants of the scenario exp5-models, inference and training, for
/// so long. Each tells when a request is done. Errors: none while that scenario is as it is here.
[[nodiscard]] Result<std::array<Program, 2>> small_models(Duration length);

/// A process with queues and no work.
[[nodiscard]] Program idle(std::string name, std::uint32_t queues);

}  // namespace gpreempt::experiments
