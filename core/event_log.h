#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "core/drive.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt {

/// Of which run a log is.
struct EventLogHeader {
  std::string scenario;
  std::string policy;
  std::uint64_t seed = 0;
};

enum class EventLogContent {
  kEverything,
  kDecisions,  ///< decision lines only, for comparing runs
};

/// Writes what `drive` reports as `events.jsonl`: a header line, then one JSON object a line in
/// order, keys in fixed order, times in integer nanoseconds of the backend's clock. A log of
/// everything, made of a scheduler whose set-up it was told, is enough to replay it.
class EventLog final : public EventSink {
 public:
  /// `file` stays the caller's and must outlive the log.
  EventLog(std::FILE& file, const EventLogHeader& header,
           EventLogContent content = EventLogContent::kEverything);
  /// Appends to `text`, which must outlive the log.
  EventLog(std::string& text, const EventLogHeader& header,
           EventLogContent content = EventLogContent::kEverything);

  void event(const Event& event) override;
  void decision(const Decision& decision) override;
  void realisation(const Realisation& realisation) override;
  void refusal(const Action& action, ControlKind kind, const Error& error, Instant at) override;
  void configured(const SchedulerOptions& options) override;
  void tenant(TenantId id, const TenantSpec& spec) override;
  void began(Instant at) override { mark("drive", at); }
  void deadline(Instant at) override { mark("deadline", at); }
  void shut_down(Instant at) override { mark("shut-down", at); }

  /// Flushes. Errors: kIo (a write failed, at any time; the log is incomplete).
  [[nodiscard]] Result<void> finish();

 private:
  void begin(const EventLogHeader& header);
  void mark(std::string_view kind, Instant at);
  void end_line();

  std::FILE* file_ = nullptr;
  std::string* text_ = nullptr;
  EventLogContent content_;
  bool failed_ = false;
  fmt::memory_buffer line_;
};

}  // namespace gpreempt
