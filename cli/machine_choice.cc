#include "cli/machine_choice.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "backends/sim/gpu/perturbation.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "cli/run_options.h"
#include "config/document.h"
#include "core/error.h"
#include "core/time.h"
#include "core/units.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

Result<sim::Perturbation> perturbation_of(const std::map<std::string, std::string>& written) {
  sim::Perturbation result;
  const auto percent = [](const std::string& text, double& target) {
    return store(target, parse_percent(text));
  };
  const auto time = [](const std::string& text, Duration& target) {
    return store(target, parse_duration(text));
  };
  for (const auto& [key, text] : written) {
    Result<void> read;
    if (key == "noise") {
      read = time(text, result.noise);
    } else if (key == "unmodelled") {
      read = time(text, result.unmodelled);
    } else if (key == "jitter") {
      read = time(text, result.jitter);
    } else if (key == "bend") {
      read = time(text, result.bend);
    } else {
      read = percent(text, key == "drift" ? result.clock_drift : result.missing_stamps);
    }
    if (!read) {
      return fail(read.error().code,
                  fmt::format("reading --backend: {}={}: {}", key, text, read.error().what));
    }
  }
  return result;
}

}  // namespace

Result<sim::Model> model_of(const BackendChoice& backend) {
  const HardwareScenario usual;
  Result<sim::Model> model =
      sim::find_model(backend.model.empty() ? usual.model : backend.model, usual.num_kcq);
  if (!model && model.error().code == Errc::kIo) {
    model.error().code = Errc::kInvalidArgument;
  }
  return model;
}

Result<sim::SystemOptions> machine_of(const BackendChoice& backend) {
  const HardwareScenario usual;
  sim::Model model;
  GPREEMPT_TRY(store(model, model_of(backend)));
  sim::SystemOptions machine;
  machine.gpu = model.point;
  GPREEMPT_TRY(store(machine.gpu.perturbation, perturbation_of(backend.perturbation)));
  GPREEMPT_TRY(store(machine.personality,
                     sim::find_personality(backend.personality.empty() ? usual.personality
                                                                       : backend.personality)));
  return machine;
}

}  // namespace gpreempt::cli
