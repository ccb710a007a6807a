#include "cli/machine_choice.h"

#include <utility>

#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "cli/run_options.h"
#include "config/document.h"
#include "core/error.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {

Result<sim::SystemOptions> machine_of(const BackendChoice& backend) {
  const HardwareScenario usual;
  sim::SystemOptions machine;
  Result<sim::Model> model =
      sim::find_model(backend.model.empty() ? usual.model : backend.model, usual.num_kcq);
  if (!model) {
    model.error().code =
        model.error().code == Errc::kIo ? Errc::kInvalidArgument : model.error().code;
    return tl::unexpected<Error>(std::move(model).error());
  }
  machine.gpu = model->point;
  GPREEMPT_TRY(store(machine.personality,
                     sim::find_personality(backend.personality.empty() ? usual.personality
                                                                       : backend.personality)));
  return machine;
}

}  // namespace gpreempt::cli
