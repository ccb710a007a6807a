#pragma once

#include <string>

#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/os.h"
#include "core/error.h"

namespace gpreempt::kfd {

struct QueueReading {
  QueueSources sources;
  /// Which sources could not be read, why, what is missing for it and what to do: one line; empty
  /// if all were.
  std::string note;
};

/// Reads every source. One that cannot be read is left out and noted; one that can be read and is
/// not understood is an error. sysfs is read before and after debugfs, so that queues that came or
/// went between are noticed. Blocks: as long as the driver takes to print hqds, which reads some
/// thousand registers. Errors: kNoSuchDevice (nothing of a driver is there), kParse ("FILE:LINE:
/// COLUMN: ..."), kIo.
[[nodiscard]] Result<QueueReading> read_queue_sources(Os& os, const DiscoveryRoots& roots = {});

}  // namespace gpreempt::kfd
