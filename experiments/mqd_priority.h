#pragma once

#include <vector>

#include "core/error.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {

/// Whether a priority reaches a user queue's descriptor and its hardware slots: launches a HIP
/// process for each of HIP's classes (0, 7, 11), and one without HIP for 15, and reads mqds and
/// hqds. Two verdicts for each, "priority/in-the-mqd/N" and "priority/in-the-hqd/N". Expected are
/// the driver's rules: queue_priority is the number, pipe_priority is 0 up to 6, 1 up to 10,
/// then 2. Source: pipe_priority_map of kfd_mqd_manager.c. A world without the view: one
/// `unavailable`; one that has HIP processes only: the same for 15.
[[nodiscard]] Result<std::vector<Verdict>> read_priorities(Session& session);

}  // namespace gpreempt::experiments
