#pragma once

#include <memory>

#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "core/error.h"
#include "core/testbed.h"

namespace gpreempt::vkfd {

/// A simulated machine with the KFD backend on its virtual driver, in a process of its own there.
/// From a party of `world`, which alone uses and destroys it; `world` must outlive it and have
/// nothing else on its timeline, which starts anew. Destroying it before its backend is closed ends
/// the backend as SIGKILL does.
///
/// The KFD backend makes no rescans here: a modelled driver loses no notification.
/// Errors: those of `kfd::open_backend`.
[[nodiscard]] Result<std::unique_ptr<Testbed>> open_vkfd_testbed(sim::World& world,
                                                                 const sim::SystemOptions& options);

}  // namespace gpreempt::vkfd
