#pragma once

#include <cstdint>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/host.h"
#include "workloads/hip/runner.h"

/// A process' queues, and a process that has nothing else.
namespace gpreempt::hip {

/// How many queues of one priority the runtime has to make for the program's streams and for those
/// of this process itself, so that no two share one; 0: as many as it makes by itself, which is
/// what a program says that is to be like HIP's.
[[nodiscard]] std::uint32_t queues_wanted(const Program& program);

/// Whether its queues are all there is of it: it never has work.
[[nodiscard]] bool is_idle(const Program& program);

/// Makes a program's streams on this GPU and runs one small kernel on each: by then its queue is
/// there, whenever the runtime makes it. Blocks: until they have run. Errors: those of
/// `Gpu::add_stream`, `Gpu::submit` and `await_finish`.
[[nodiscard]] Result<std::vector<StreamId>> make_streams(Gpu& gpu, Host& host, std::uint32_t count,
                                                         std::uint32_t hardware_priority);

/// Does nothing until `end`, or until the host is asked to stop. Blocks: that long.
[[nodiscard]] RunOutcome stay_idle(Host& host, Instant end);

}  // namespace gpreempt::hip
