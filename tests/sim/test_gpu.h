#pragma once

#include <cstdlib>

#include "validation/free_gpu.h"

namespace gpreempt::sim {

using validation::free_gpu;
using validation::free_system;
using validation::kFull;
using validation::small_workgroups;

/// Sanitizer builds set GPREEMPT_SHORT: shorter campaigns, which check the code more than the
/// claim.
inline bool short_campaign() { return std::getenv("GPREEMPT_SHORT") != nullptr; }

}  // namespace gpreempt::sim
