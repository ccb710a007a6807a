#pragma once

#include <string>
#include <vector>

#include "backends/kfd/os.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// "pid 4711 (`docker run`)", if all that these processes still do is to wait for a container:
/// every leaf of their tree is, or descends from, the client of a container runtime that has
/// started or entered one; empty: they do something else, too. What runs in the container is a
/// child of the runtime's own daemon, so that no descendant of the client will ever use a GPU.
/// Only the client's command counts, which is its first word that is no option (after "compose" or
/// "container" the next one): run, exec or up, unless detached, and start, if attached. Detached
/// clients end at once, and what comes after them may use a GPU. A client that puts an option's
/// value in a word of its own before the command is not recognised.
/// `proc`: "/proc". Blocks: as reading two small files for each does.
[[nodiscard]] std::string container_client(Os& os, const std::string& proc,
                                           const std::vector<Pid>& pids);

}  // namespace gpreempt::kfd
