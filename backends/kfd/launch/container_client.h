#pragma once

#include <string>
#include <vector>

#include "backends/kfd/os.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// "pid 4711 (`docker run`)" of the first of these processes that is the client of a container
/// runtime and has started, or entered, a container; empty: none is. What runs in the container is
/// a child of the runtime's own daemon, so that no descendant of the client will ever use a GPU.
/// `proc`: "/proc". Blocks: as reading a small file for each does.
[[nodiscard]] std::string container_client(Os& os, const std::string& proc,
                                           const std::vector<Pid>& pids);

}  // namespace gpreempt::kfd
