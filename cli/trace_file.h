#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt::cli {

/// A row of a trace: what a viewer draws as a thread of a process.
struct Track {
  std::uint32_t process = 0;
  std::uint32_t row = 0;
};

enum class FlowStep { kStart, kStep, kEnd };

/// Writes the Trace Event Format (JSON object form), which ui.perfetto.dev and chrome://tracing
/// open. Times are microseconds with exactly three decimals, so the same run gives the same bytes.
/// `args` are the members of a JSON object, without its braces; they may be empty. Nothing is kept
/// in memory but a buffer.
/// Source: "Trace Event Format" (Google); the FAQ of perfetto.dev: slices of a row must nest.
class TraceFile {
 public:
  /// `file` stays the caller's and must outlive this.
  explicit TraceFile(std::FILE& file);

  void name_process(std::uint32_t process, std::string_view name);
  void name_row(Track track, std::string_view name);
  struct Slice {
    std::string_view category;
    std::string_view name;
    Instant from;
    Instant to;
    std::string_view args = {};
  };
  /// Slices of a row nest or are apart; an outer one is written before what it holds.
  void slice(Track track, const Slice& slice);
  void instant(Track track, std::string_view name, Instant at, std::string_view args);
  /// Asynchronous slices of the same id are drawn within one another; they overlap those of others.
  void begin_async(std::uint32_t process, std::string_view id, std::string_view name, Instant at,
                   std::string_view args = {});
  void end_async(std::uint32_t process, std::string_view id, std::string_view name, Instant at);
  /// An arrow from step to step of the same id. Each belongs to the innermost slice that is open on
  /// the track at that instant and was written before.
  void flow(FlowStep step, Track track, std::uint64_t id, Instant at);
  void counter(std::uint32_t process, std::string_view name, Instant at, std::int64_t value);

  /// Ends the file's JSON; `about` are the members of `otherData`. Errors: kIo (a write failed, at
  /// any time).
  [[nodiscard]] Result<void> finish(std::string_view about);

 private:
  /// Begins an event: its phase, name, track and time.
  void open(char phase, std::string_view name, Track track, Instant at);
  void close(std::string_view args);
  void flush();

  std::FILE& file_;
  fmt::memory_buffer buffer_;
  bool first_ = true;
  bool failed_ = false;
};

/// As a JSON string, with its quotes.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace gpreempt::cli
