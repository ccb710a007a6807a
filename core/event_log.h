#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "core/drive.h"
#include "core/error.h"

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
/// order, keys in fixed order, times in integer nanoseconds of the backend's clock.
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

  /// Flushes. Errors: kIo (a write failed, at any time; the log is incomplete).
  [[nodiscard]] Result<void> finish();

 private:
  void begin(const EventLogHeader& header);
  void end_line();

  std::FILE* file_ = nullptr;
  std::string* text_ = nullptr;
  EventLogContent content_;
  bool failed_ = false;
  fmt::memory_buffer line_;
};

}  // namespace gpreempt
