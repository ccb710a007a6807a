#include <string>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "config/document.h"
#include "core/error.h"
#include "core/time.h"
#include "validation/groups.h"
#include "validation/hardware.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

constexpr double kLaunchPercent = 15;
constexpr double kNsPerUs = 1000;

Target launch_cost(std::string name, std::string model, Duration sim::GpuParameters::* cost,
                   double expected_us, std::string source) {
  return {.group = "V5",
          .name = std::move(name),
          .unit = "us",
          .expected = expected_us,
          .tolerance = within_percent(kLaunchPercent),
          .label = Label::kInput,
          .source = std::move(source),
          .run = [model = std::move(model), cost](Hardware& hardware) -> Result<double> {
            sim::GpuParameters found;
            GPREEMPT_TRY(store(found, hardware.gpu(model)));
            return static_cast<double>(to_ns(found.*cost)) / kNsPerUs;
          }};
}

}  // namespace

std::vector<Target> launch_cost_targets() {
  return {launch_cost("v5-mi250x-launch", "mi250x", &sim::GpuParameters::t_launch, 1.88,
                      "PETSc ex1k.kokkos, asynchronous launch on Frontier"),
          launch_cost("v5-mi250x-sync", "mi250x", &sim::GpuParameters::t_sync, 7.78,
                      "PETSc ex1k.kokkos, launch and synchronise on Frontier"),
          launch_cost("v5-mi210-launch", "mi210", &sim::GpuParameters::t_launch, 2.1,
                      "RRZE-HPC gpu-benches, gpu-small-kernels")};
}

}  // namespace gpreempt::validation
