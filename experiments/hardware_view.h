#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/discovery/queue_join.h"
#include "core/backend.h"
#include "core/error.h"
#include "experiments/session.h"

namespace gpreempt::experiments {

/// A view's text. Errors: kUnsupported and kNotPermitted (this world shows none), those of
/// `inspect` and of `InspectDone`.
[[nodiscard]] Result<std::string> inspect(Session& session, InspectView view);

/// What mqds and hqds show of the machine.
struct HardwareView {
  std::vector<kfd::QueueRow> rows;  ///< every queue, with its descriptor and its hardware slots
  kfd::debugfs::HqdsDump hqds;
};

/// Blocks: until both were read, one after the other. Errors: those of `inspect`, kParse.
[[nodiscard]] Result<HardwareView> look_at_hardware(Session& session);

/// Whether an error of `look_at_hardware` says that this world shows no such files.
[[nodiscard]] bool shows_no_hardware(const Error& error);

/// Compute slots that are active, of all processes.
[[nodiscard]] std::size_t active_slots(const kfd::debugfs::HqdsDump& hqds);

}  // namespace gpreempt::experiments
