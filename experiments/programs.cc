#include "experiments/programs.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "core/backend.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::experiments {

KernelRun kernel_on(const GpuInfo& gpu, double share, Duration duration) {
  const double workgroups = std::floor(share * gpu.cus * kWorkgroupsThatFillACu);
  return {.count = 1,
          .duration = duration,
          .shape = {.workgroups = std::max(1U, static_cast<std::uint32_t>(workgroups)),
                    .waves = 4,
                    .vgprs = 128}};
}

Program endless(std::string name, const GpuInfo& gpu, double share, Duration kernel) {
  return {.name = std::move(name),
          .offline = true,
          .endless = true,
          .trains = {{kernel_on(gpu, share, kernel)}},
          .arrivals = {}};
}

Program idle(std::string name, std::uint32_t queues) {
  return {.name = std::move(name), .offline = true, .queues = queues, .trains = {}, .arrivals = {}};
}

}  // namespace gpreempt::experiments
