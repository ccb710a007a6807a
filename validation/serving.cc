#include "validation/serving.h"

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/system.h"
#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "validation/hardware.h"
#include "validation/scheduled.h"
#include "workloads/reef.h"

namespace gpreempt::validation {

Result<Measured> measure(Hardware& hardware, const std::string& model,
                         std::vector<Program> programs, const Mode& mode) {
  sim::GpuParameters gpu;
  GPREEMPT_TRY(store(gpu, hardware.gpu(model)));
  Experiment experiment{.system = {.gpu = gpu, .gpus = 1, .personality = {.name = "paper"}},
                        .programs = std::move(programs),
                        .policy = mode.policy,
                        .mechanism = mode.mechanism,
                        .duration = kServingLength};
  experiment.system.gpu.area_moves = 0;  // no debugger copies headers here
  ExperimentResult result;
  GPREEMPT_TRY(store(result, run_experiment(experiment)));
  const double prepared = static_cast<double>(to_ns(experiment.programs[0].preparation));
  Measured measured{.latency_ms = (mean_latency(result.programs[0].requests) - prepared) / 1e6};
  for (std::size_t i = 0; i < result.programs.size(); ++i) {
    (i == 0 ? measured.critical_rate : measured.rate) +=
        static_cast<double>(result.programs[i].progress.requests_completed) /
        std::chrono::duration<double>(kServingLength).count();
  }
  return measured;
}

Result<KernelTrain> reef_model(const std::filesystem::path& data, const std::string& name,
                               double scale) {
  const std::filesystem::path file =
      data / "workloads/reef/profiles" / fmt::format("{}.profile.json", name);
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) {
    return fail(
        Errc::kUnsupported,
        fmt::format("read REEF's profile of {}: {} is not there; set GPREEMPT_DATA_DIR to a "
                    "folder that holds workloads/reef/profiles",
                    name, file.string()));
  }
  std::string text;
  GPREEMPT_TRY(store(text, read_text_file(file)));
  return parse_reef_profile(
      {.profile = text, .profile_name = file.string(), .schedule = {}, .schedule_name = {}}, true,
      scale, KernelShape{.workgroups = kReefWorkgroups, .waves = 4, .vgprs = 64});
}

}  // namespace gpreempt::validation
