// The contract in the `vkfd` world: the KFD backend on the models.
#include <memory>
#include <string_view>

#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "backends/vkfd/vkfd_testbed.h"
#include "core/error.h"
#include "core/testbed.h"
#include "tests/support/model_machine.h"
#include "tests/support/testbed_case.h"

namespace gpreempt::contract {

std::string_view world_name() { return "vkfd"; }

Result<std::unique_ptr<Testbed>> open_in(sim::World& world, const sim::SystemOptions& options) {
  return vkfd::open_vkfd_testbed(world, options);
}

}  // namespace gpreempt::contract
