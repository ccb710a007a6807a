#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/time.h"
#include "experiments/verdict.h"

/// What a ring's read index says of work: what follows from idle edges. No I/O.
namespace gpreempt::experiments {

struct ActivityEvidence {
  Duration period{};                 ///< of the polls
  std::vector<std::int64_t> delays;  ///< from the end of the last kernel to the edge "idle"
  std::size_t expected = 0;          ///< busy periods that there were
  std::size_t early = 0;             ///< edges "idle" while a kernel ran
  std::size_t unproven = 0;          ///< edges that could not be proven
};

/// "activity/NAME/read-index-early": whether read == write holds while the last kernel runs. Idle
/// is reported by the second poll in a row that finds the ring empty, once the kernel's signal is
/// done. If the ring is empty while the kernel runs, a poll of that time is the first, and the edge
/// comes up to one period after the end; otherwise between one and two. By the band of the median.
/// "activity/NAME/idle-is-true": whether no edge came while a kernel ran.
[[nodiscard]] std::vector<Verdict> judge_activity(const std::string& name,
                                                  const ActivityEvidence& evidence);

}  // namespace gpreempt::experiments
