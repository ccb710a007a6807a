#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/recorded_run.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

/// A recorded run once more: the same scheduler, the same events at the same instants, no backend.
namespace gpreempt::cli {

/// A call that a replayed scheduler asked for and that has not ended.
struct ReplayedCall {
  RequestId request;
  ControlKind kind = ControlKind::kSuspend;  ///< kSuspend or kResume, whatever the mechanism
  std::vector<QueueId> queues;
  Instant asked;
};

/// The calls of a replayed scheduler, at most one of each target.
class ReplayedCalls {
 public:
  /// Numbers the call and tells the scheduler that it was taken.
  const ReplayedCall& take(Scheduler& scheduler, const Actions& actions, const Action& action,
                           Instant now);
  /// nullptr: none of that target is under way.
  [[nodiscard]] const ReplayedCall* find(TargetId target) const;
  void end(TargetId target) { calls_.erase(target); }

 private:
  std::map<TargetId, ReplayedCall> calls_;
  std::uint64_t last_request_ = 0;
};

/// `done` as the end of `call`, or, of nullptr, of a call that the scheduler never made.
[[nodiscard]] Event end_of_call(const Event& event, const ReplayedCall* call);

/// Whether a recorded end is about the queues that `call` is about, in their order.
[[nodiscard]] bool is_end_of(const ControlDone& done, const ReplayedCall& call);

/// The error with which the recorded backend refused what a step asked of a target; nullptr: it
/// took it.
[[nodiscard]] const Error* refusal_of(const RecordedStep& step, TargetId target);

/// The first thing that a replayed scheduler said otherwise.
struct ReplayDifference {
  std::size_t line = 0;  ///< in the log
  std::string recorded;  ///< that line, or what stands there instead of a decision
  std::string replayed;
};

struct Replay {
  std::uint64_t decisions = 0;  ///< recorded ones that were made again
  std::uint64_t realisations = 0;
  std::optional<ReplayDifference> difference;  ///< set: the replay ended there
  // How long the calls took, in the order of their ends.
  std::vector<Duration> suspends;
  std::vector<Duration> resumes;
};

/// Takes every step of a run again, under `policy`, which must be the recorded one. Its decisions
/// and realisations are compared with the recorded ones, as text. A recorded end of a call that the
/// scheduler did not make is given to it as somebody else's, as the backend's would be; one about
/// other queues than it asked for is a difference. Errors: those of `make_scheduler`.
[[nodiscard]] Result<Replay> replay(const RecordedRun& run, std::unique_ptr<const Policy> policy);

}  // namespace gpreempt::cli
