#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "cli/event_reader.h"
#include "core/error.h"
#include "core/event.h"
#include "core/event_log.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

/// The runs that an event log holds, put together so that a scheduler can take their steps again.
namespace gpreempt::cli {

/// One step of the recorded scheduler, and what came of it.
struct RecordedStep {
  enum class Kind {
    kEvent,
    kDeadline,  ///< its own deadline passed
    kShutDown,
  };
  Kind kind = Kind::kEvent;
  Instant at;                        ///< of the step; an event may be older
  std::size_t line = 0;              ///< in the log
  const Event* event = nullptr;      ///< of `kEvent`; in the log's lines
  std::vector<const LogLine*> said;  ///< its realisations, then its decisions
  std::vector<const LoggedRefusal*> refusals;
};

/// One run: a policy over a workload.
struct RecordedRun {
  EventLogHeader header;
  SchedulerOptions options;
  std::vector<LoggedTenant> tenants;  ///< in the order of their ids
  std::vector<RecordedStep> steps;
  Instant end = Instant::min();  ///< of the last step
};

/// The runs of a log, in its order. They point into `lines`. Errors: kParse ("name:line: reason"):
/// lines in an order that no loop writes, a log that does not say how its scheduler was made (one
/// of an earlier version), no run at all.
[[nodiscard]] Result<std::vector<RecordedRun>> runs_of(const std::vector<LogLine>& lines,
                                                       std::string_view name);

/// The scheduler of a recorded run before its first step, under any policy.
/// Errors: those of `Scheduler::add_tenant`; kParse (tenants that are not numbered from 0).
[[nodiscard]] Result<Scheduler> make_scheduler(const RecordedRun& run,
                                               std::unique_ptr<const Policy> policy);

}  // namespace gpreempt::cli
