#pragma once

#include <vector>

#include "core/error.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {

/// Whether a priority reaches the queue's descriptor: launches a process for each of HIP's classes
/// (0, 7, 11) and 15 and reads mqds. One verdict for each, "priority/in-the-mqd/N". Expected are
/// the driver's rules: queue_priority is the number, pipe_priority is 0 up to 6, 1 up to 10,
/// then 2. Source: pipe_priority_map of kfd_mqd_manager.c. A world without the view: one
/// `unavailable`.
[[nodiscard]] Result<std::vector<Verdict>> read_priorities(Session& session);

}  // namespace gpreempt::experiments
