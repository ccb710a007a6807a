#include "tests/support/model_machine.h"

#include <cstdint>
#include <optional>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/model_draws.h"
#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "config/parameter.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/support/testbed_case.h"

namespace gpreempt::contract {
namespace {

constexpr std::uint32_t kKernelQueues = 8;
constexpr std::uint64_t kSeed = 1;

/// Every prior at the end that makes a suspend as short, or as long, as it can be.
sim::GpuParameters extreme(const sim::Model& model, bool longest) {
  sim::Values values;
  for (const Parameter& each : model.parameters) {
    const bool is_time = each.name.starts_with("t_");
    const bool is_speed = each.name.ends_with("bandwidth") || each.name == "clock";
    const bool varies = each.distribution != Distribution::kPoint && (is_time || is_speed);
    values.push_back(varies ? each.at_quantile(is_time == longest ? 1.0 : 0.0) : each.value);
  }
  return model.with(values);
}

/// All but the grace and what is saved: one queue of one process, alone.
Duration fixed_part(const sim::GpuParameters& gpu) {
  constexpr int kEntries = 2;  // of the runlist: the process and its queue
  return gpu.t_ioctl + gpu.t_hiq + gpu.t_fence + kEntries * gpu.t_build_entry + gpu.t_build +
         gpu.t_copyctx + gpu.xccs * gpu.t_copyctx_entry;
}

sim::SaveLoad load_of_training(const sim::GpuParameters& gpu) {
  const KernelShape shape = offline_training().trains.front().front().shape;
  const std::uint32_t per_cu = (shape.workgroups + gpu.cus() - 1) / gpu.cus();
  sim::SaveLoad load;
  load.system = sim::wave_state_bytes(gpu, shape, shape.workgroups);
  load.cu = sim::wave_state_bytes(gpu, shape, per_cu);
  load.xcc = load.cu * gpu.cus_per_xcc;
  return load;
}

}  // namespace

std::optional<Band> suspend_band_of_training() {
  const Result<sim::Model> model = sim::find_model("mi308x", kKernelQueues);
  if (!model) {
    return std::nullopt;
  }
  const sim::GpuParameters least = extreme(*model, false);
  const sim::GpuParameters most = extreme(*model, true);
  // With nothing else active there is no runlist to build.
  return Band{.least = fixed_part(least) - least.t_build - 2 * least.t_build_entry,
              .most = fixed_part(most) + most.t_grace + most.t_stop +
                      sim::save_time(most, load_of_training(most))};
}

Result<sim::SystemOptions> options_of(const Machine& machine) {
  const Result<sim::Model> model = sim::find_model("mi308x", kKernelQueues);
  if (!model) {
    return tl::unexpected<Error>(model.error());
  }
  const Result<sim::Personality> personality = sim::find_personality("dkms-6.12.12");
  if (!personality) {
    return tl::unexpected<Error>(personality.error());
  }
  sim::SystemOptions options{
      .gpu = model->point, .gpus = machine.gpus, .personality = *personality};
  if (machine.draw) {
    options.gpu = model->with(sim::draw_values(*model, kDraws, kSeed).at(*machine.draw));
  }
  if (machine.read_index_early) {
    options.gpu.read_index_early = *machine.read_index_early ? 1 : 0;
  }
  return options;
}

}  // namespace gpreempt::contract
