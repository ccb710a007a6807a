#pragma once

#include <string>

#include "backends/sim/system.h"

/// The texts of /sys/kernel/debug/kfd, of the machine as it is at this instant, in amdkfd's formats
/// (backends/kfd/debugfs). What the model does not have is invented (`queue_places.h`) or 0.
/// Reading takes no virtual time, and disturbs nothing.
namespace gpreempt::vkfd {

/// Every queue of every process that has opened the driver, whether or not it is mapped. The save
/// area's words say what is saved now.
[[nodiscard]] std::string mqds_text(sim::System& system);

/// Every slot of every GPU. The mapped compute queues take slots in the order of the runlist, first
/// one of each pipe; a slot that no queue is mapped to is empty, not stale. Two SDMA engines.
[[nodiscard]] std::string hqds_text(sim::System& system);

/// The runlist of every GPU as it was submitted last.
[[nodiscard]] std::string rls_text(sim::System& system);

}  // namespace gpreempt::vkfd
