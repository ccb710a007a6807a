#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/timeline.h"
#include "backends/vkfd/kernel_side.h"
#include "backends/vkfd/sim_os.h"

namespace gpreempt::vkfd {

/// A call that has entered the driver. The reply may come when its caller is no more.
struct SimOs::DriverCall {
  std::unique_ptr<sim::Waiter> waiter;
  std::shared_ptr<KernelSide> kernel;
  bool replied = false;
  long result = 0;
  std::vector<std::uint32_t> ids;
  std::vector<sim::KfdModel::QueueEntry> entries;

  void reply(long value) {
    result = value;
    replied = true;
    waiter->wake();
    kernel->leave();
  }
};

}  // namespace gpreempt::vkfd
