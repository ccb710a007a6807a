#pragma once

#include <functional>
#include <string>
#include <vector>

#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "conformance/model/model_actors.h"
#include "conformance/scenario.h"
#include "core/error.h"

/// Shared by the tests of the conformance cases.
namespace gpreempt::conformance {

/// The one world of the program, made by its `main`.
[[nodiscard]] sim::World& world();

inline const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = load_scenarios(std::nullopt).value();
  return all;
}

/// Runs `body` with the actors of a machine that has such a driver. Errors: a deadlock.
[[nodiscard]] inline Result<void> with_actors(std::string_view personality,
                                              const std::function<void(Actors&)>& body) {
  constexpr std::uint32_t kKernelQueues = 8;
  const sim::SystemOptions options{.gpu = sim::find_model("mi308x", kKernelQueues).value().point,
                                   .personality = sim::find_personality(personality).value()};
  return world().run([&] {
    ModelActors actors(world(), options);
    body(actors);
  });
}

}  // namespace gpreempt::conformance
