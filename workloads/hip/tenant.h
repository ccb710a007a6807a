#pragma once

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/options.h"

namespace gpreempt::hip {

/// One tenant's program, as the scenario's compiler makes it for everybody.
struct TenantPlan {
  Program program;
  Duration duration{};
  Duration drain{};
};

/// Finds the tenant in the scenario, or reads the program's file. The same scenario and seed give
/// the same arrivals as in the simulator.
/// Errors: those of the loader and the compiler; kInvalidArgument (no such tenant, several and none
/// named, one of the other role, work without kernels); kUnsupported (an LLM engine, a gang that
/// meets at collectives: by the processes of vLLM or torchrun, and not by this one).
[[nodiscard]] Result<TenantPlan> plan_tenant(const Options& options);

}  // namespace gpreempt::hip
