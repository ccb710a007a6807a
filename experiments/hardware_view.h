#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/discovery/driver_knowledge.h"
#include "backends/kfd/discovery/queue_join.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "experiments/lifecycle_rule.h"
#include "experiments/session.h"

namespace gpreempt::experiments {

/// A view's text. Errors: kUnsupported and kNotPermitted (this world shows none), those of
/// `inspect` and of `InspectDone`.
[[nodiscard]] Result<std::string> inspect(Session& session, InspectView view);

/// mqds and hqds as the driver prints them.
struct HardwareTexts {
  std::string mqds;
  std::string hqds;
  std::string mqds_name = "mqds";  ///< what errors call them
  std::string hqds_name = "hqds";
};

/// What they show of the machine.
struct HardwareView {
  std::vector<kfd::QueueRow> rows;  ///< every queue, with its descriptor and its hardware slots
  kfd::debugfs::HqdsDump hqds;
};

/// Blocks: until both were read, one after the other. Errors: those of `inspect`.
[[nodiscard]] Result<HardwareTexts> read_hardware(Session& session);
/// Ids are inferred only if `driver` is known to give them out as stock drivers do. Errors: kParse.
[[nodiscard]] Result<HardwareView> view_of(const HardwareTexts& texts,
                                           const kfd::DriverKnowledge& driver = {});

/// Whether an error of `read_hardware` says that this world shows no such files.
[[nodiscard]] bool shows_no_hardware(const Error& error);

/// Whose queues they are.
[[nodiscard]] std::set<Pid> processes_of(const HardwareView& view);
/// The process's queues and slots, and the machine's. A GPU has `xccs`.
[[nodiscard]] HardwareCounts counts_of(const HardwareView& view, Pid pid, std::uint32_t xccs);

/// Compute slots that are active, of all processes.
[[nodiscard]] std::size_t active_slots(const kfd::debugfs::HqdsDump& hqds);

}  // namespace gpreempt::experiments
