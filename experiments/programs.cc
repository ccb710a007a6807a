#include "experiments/programs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/loader.h"
#include "workloads/scenario.h"

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

Result<std::array<Program, 2>> small_models(Duration length) {
  constexpr std::string_view kScenario = "exp5-models";
  const EmbeddedFile* const file = find_embedded(kScenario);
  GPREEMPT_CHECK(file != nullptr);
  Scenario scenario;
  GPREEMPT_TRY(store(scenario, parse_scenario(file->text, std::string(file->name))));
  scenario.run.duration = length;
  Workload workload;
  GPREEMPT_TRY(store(workload, compile(scenario, HardwareFacts{}, CompileOptions{})));
  GPREEMPT_CHECK(workload.programs.size() == 2);
  for (Program& program : workload.programs) {
    program.hints = true;
  }
  return std::array<Program, 2>{std::move(workload.programs[0]), std::move(workload.programs[1])};
}

Program idle(std::string name, std::uint32_t queues) {
  return {.name = std::move(name), .offline = true, .queues = queues, .trains = {}, .arrivals = {}};
}

}  // namespace gpreempt::experiments
