#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/event_log.h"
#include "core/ids.h"
#include "core/scheduler.h"
#include "core/time.h"

/// Reads `events.jsonl` as `EventLog` writes it.
namespace gpreempt::cli {

/// An action that the backend did not take.
struct LoggedRefusal {
  Instant at;
  TargetId target;
  ControlKind control = ControlKind::kSuspend;
  std::uint32_t queues = 0;
  Error error;
};

/// How the scheduler was made.
struct LoggedScheduler {
  SchedulerOptions options;
};

struct LoggedTenant {
  TenantId id;
  TenantSpec spec;
};

/// What the loop did besides serving events; see `EventSink`.
struct LoggedMark {
  enum class Kind { kBegan, kDeadline, kShutDown };
  Kind kind = Kind::kBegan;
  Instant at;
};

using LogEntry = std::variant<EventLogHeader, LoggedScheduler, LoggedTenant, LoggedMark, Event,
                              Decision, Realisation, LoggedRefusal>;

struct LogLine {
  std::size_t number = 0;  ///< from 1
  std::string_view text;   ///< without its end
  LogEntry entry;
};

/// Every line of a log, in its order; `text` must outlive them. A bundle of several policies holds
/// a header before each.
/// Strict: a line that is no JSON object, that has a kind, a word or a key that this version does
/// not know, lacks a key, or holds a number out of range is refused. `name` is the file's, for
/// errors. Errors: kParse ("name:line: reason, and what to do").
[[nodiscard]] Result<std::vector<LogLine>> read_event_log(std::string_view text,
                                                          std::string_view name);

}  // namespace gpreempt::cli
