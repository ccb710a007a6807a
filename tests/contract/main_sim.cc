// The contract in the `sim` world: the sim backend on the models.
#include <memory>
#include <string_view>

#include "backends/sim/sim_testbed.h"
#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "core/error.h"
#include "core/testbed.h"
#include "tests/support/model_machine.h"
#include "tests/support/testbed_case.h"

namespace gpreempt::contract {

std::string_view world_name() { return "sim"; }

Result<std::unique_ptr<Testbed>> open_in(sim::World& world, const sim::SystemOptions& options) {
  return sim::open_sim_testbed(world.timeline(), options);
}

}  // namespace gpreempt::contract
