#pragma once

#include <string>
#include <vector>

#include "backends/kfd/discovery/queue_join.h"
#include "core/backend.h"
#include "core/error.h"
#include "experiments/session.h"

namespace gpreempt::experiments {

/// A view's text. Errors: kUnsupported and kNotPermitted (this world shows none), those of
/// `inspect` and of `InspectDone`.
[[nodiscard]] Result<std::string> inspect(Session& session, InspectView view);

/// All queues of the machine, with their descriptors and hardware slots, from mqds and hqds.
/// Errors: those of `inspect`, kParse.
[[nodiscard]] Result<std::vector<kfd::QueueRow>> look_at_queues(Session& session);

}  // namespace gpreempt::experiments
