#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/simulate.h"
#include "core/ids.h"
#include "core/occupancy.h"
#include "core/time.h"

/// Who had the GPU when: a run as intervals, for pictures and for explanations. No I/O.
namespace gpreempt::cli {

using gpreempt::Occupancy;

/// How an interval is known.
enum class Origin : std::uint8_t {
  kModel,  ///< the GPU's model told
  kCalls,  ///< laid out from what driver calls took
};
[[nodiscard]] std::string_view to_string(Origin origin);

/// `[from, to)`, never empty.
struct Interval {
  Instant from;
  Instant to;
  Occupancy state = Occupancy::kRunning;
  Origin origin = Origin::kCalls;
};

/// A queue of a tenant on one GPU. The intervals cover the run without gap or overlap, in order;
/// neighbours differ in their state or origin.
struct TenantLine {
  std::string name;  ///< of the tenant
  TenantId id;
  std::uint32_t gpu = 0;
  std::vector<Interval> intervals;
  Pid pid;
  std::uint32_t rank = 0;   ///< index into `TenantRecord::ranks`
  std::uint32_t queue = 0;  ///< user queues of that process on that GPU
};

struct Timeline {
  Instant start;  ///< as `RunRecord::start`
  Instant end;
  /// The first queue of each tenant on each of its GPUs, in the order of `RunRecord::tenants`.
  std::vector<TenantLine> lines;
  std::vector<TenantLine> more_queues;  ///< the others that the model told of
};

/// Takes the timeline from `RunRecord::occupancy` as far as that goes, and derives the rest from
/// driver calls: a call's phases are laid end to end in the order of `DriverPhase`, which is the
/// driver's but for a first suspend that moves save areas. What firmware does after a runlist is
/// submitted (mapping, restoring waves) is not in a call, so an interval of this origin ends when
/// the runlist is submitted: bystander intervals are a lower bound of `ProgramProgress::bystander`,
/// while those of the model sum up to it over all queues. Of this origin, only SUSPEND and RESUME
/// change a state: under other mechanisms every tenant is shown as running.
[[nodiscard]] Timeline timeline_of(const RunRecord& run);

/// Sum of a line's intervals in that state.
[[nodiscard]] Duration time_in(const TenantLine& line, Occupancy state);

}  // namespace gpreempt::cli
