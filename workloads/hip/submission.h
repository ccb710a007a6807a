#pragma once

#include <string_view>

#include "core/error.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/host.h"

namespace gpreempt::hip {

/// Waits for a submission. `what`: the operation and its object, for messages. Blocks: until it is
/// finished. Errors: those of `Gpu::poll`; kTimedOut (not within ten seconds); kInterrupted (asked
/// to stop).
[[nodiscard]] Result<Finish> await_finish(Gpu& gpu, Host& host, Ticket ticket,
                                          std::string_view what);

}  // namespace gpreempt::hip
