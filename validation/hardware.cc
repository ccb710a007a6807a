#include "validation/hardware.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/model_draws.h"
#include "backends/sim/model_file.h"
#include "config/document.h"
#include "config/parameter.h"
#include "core/error.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

constexpr std::uint64_t kDrawSeed = 20260707;

}  // namespace

Result<sim::GpuParameters> Hardware::gpu(const std::string& name) {
  sim::Model model;
  GPREEMPT_TRY(store(model, sim::find_model(name, kNumKcq)));
  uncertain_ |= std::ranges::any_of(model.parameters, [](const Parameter& parameter) {
    return parameter.distribution != Distribution::kPoint;
  });
  if (draw_.count == 0) {
    return model.point;
  }
  return model.with(sim::draw_values(model, draw_.count, kDrawSeed)[draw_.index]);
}

}  // namespace gpreempt::validation
