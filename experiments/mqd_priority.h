#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/ids.h"
#include "experiments/dump_keeper.h"
#include "experiments/hardware_view.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {

/// The priorities that the words of one descriptor or hardware slot have.
struct PriorityRegisters {
  std::uint32_t queue = 0;
  std::uint32_t pipe = 0;
};
/// Those of the user queues of processes that asked for one priority.
struct PriorityWords {
  std::vector<PriorityRegisters> in_descriptors;
  std::vector<PriorityRegisters> in_slots;
  std::string no_slots{};  ///< why hardware slots were not looked at; empty: they were
};
/// Adds what `view` shows of the process.
void add_words(const HardwareView& view, Pid pid, PriorityWords& words);
/// Appends "priority/in-the-mqd/N" and "priority/in-the-hqd/N".
void judge_words(std::uint32_t priority, const PriorityWords& words,
                 std::vector<Verdict>& verdicts);

/// Whether a priority reaches a user queue's descriptor and its hardware slots: launches a HIP
/// process for each of HIP's classes (0, 7, 11), and one without HIP for 15, and reads mqds and
/// hqds. Two verdicts for each, "priority/in-the-mqd/N" and "priority/in-the-hqd/N". Expected are
/// the driver's rules: queue_priority is the number, pipe_priority is 0 up to 6, 1 up to 10,
/// then 2. Source: pipe_priority_map of kfd_mqd_manager.c. A world without the view: one
/// `unavailable`; one that has HIP processes only: the same for 15. `keeper` is given what is seen.
[[nodiscard]] Result<std::vector<Verdict>> read_priorities(Session& session,
                                                           const DumpKeeper& keeper);

}  // namespace gpreempt::experiments
