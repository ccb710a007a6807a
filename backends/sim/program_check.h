#pragma once

#include <cstdint>
#include <string>

#include "backends/sim/gpu/parameters.h"
#include "core/program.h"

namespace gpreempt::sim {

/// Why a machine of `gpus` such GPUs cannot run the program; empty if it can.
[[nodiscard]] std::string unfit(const Program& program, const GpuParameters& gpu,
                                std::uint32_t gpus);

}  // namespace gpreempt::sim
