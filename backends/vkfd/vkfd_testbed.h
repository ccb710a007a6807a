#pragma once

#include <functional>
#include <memory>

#include "backends/kfd/os.h"
#include "backends/sim/sim_testbed.h"
#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "core/error.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::vkfd {

/// How the client under test differs from one on a machine that does nothing wrong.
struct VkfdOptions {
  /// Puts another port over the machine's, which outlives it.
  std::function<std::unique_ptr<kfd::Os>(kfd::Os&)> wrap;
  sim::DecorateBackend decorate;
  /// None is needed where the driver loses no notification.
  Duration rescan_period{};
};

/// A simulated machine with the KFD backend on its virtual driver, in a process of its own there.
/// From a party of `world`, which alone uses and destroys it; `world` must outlive it and have
/// nothing else on its timeline, which starts anew. Destroying it before its backend is closed ends
/// the backend as SIGKILL does.
///
/// Errors: those of `kfd::open_backend`.
[[nodiscard]] Result<std::unique_ptr<Testbed>> open_vkfd_testbed(sim::World& world,
                                                                 const sim::SystemOptions& options,
                                                                 const VkfdOptions& more = {});

}  // namespace gpreempt::vkfd
