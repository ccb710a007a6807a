#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/run_setup.h"
#include "cli/run_trace.h"
#include "cli/simulate.h"
#include "cli/trace_file.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::cli {

/// How much of a run `timeline.csv` and `trace.json` tell.
struct TraceNote {
  std::string label;
  std::string origin;         ///< of the timeline's first intervals
  Instant model_until;        ///< from then on driver calls are all that is known
  std::uint64_t changes = 0;  ///< of queues that found no room in memory
  TraceExtent trace;
};

/// An evidence bundle: a folder with what went in and what came out of a run.
class Bundle {
 public:
  /// Changes of queues to record of a run: 64 MB.
  static constexpr std::size_t kMostChanges = 2'000'000;
  /// Slices, requests, calls and decisions of a run in `trace.json`: some 40 MB.
  static constexpr std::size_t kMostTraced = 100'000;

  /// Makes the folder if it is not there, and starts its files of rows and events. Files of an
  /// earlier bundle are replaced. Errors: kInvalidArgument (the folder holds something else), kIo.
  [[nodiscard]] static Result<Bundle> create(const std::filesystem::path& folder);

  /// Where event logs go.
  [[nodiscard]] std::FILE& events() { return *events_; }
  /// Adds a run's requests. Times are on the backend's clock, as in `events.jsonl`; a time that
  /// never came is empty. Errors: none until `finish`.
  void add_requests(std::string_view label, const RunRecord& run);
  /// Adds who had the GPU when in a run: rows of `timeline.csv`, and what `trace.json` shows, the
  /// first `kMostTraced` of each run. Errors: none until `finish`.
  void add_trace(std::string_view label, const RunRecord& run);
  [[nodiscard]] const std::vector<TraceNote>& traces() const { return traces_; }
  /// Adds the work that Offline tenants had done at the run's samples. Errors: none until `finish`.
  void add_progress(std::string_view label, const RunRecord& run);
  /// Errors: kIo.
  [[nodiscard]] Result<void> write(std::string_view name, std::string_view text) const;
  /// Closes what is open. Errors: kIo (a write failed, at any time).
  [[nodiscard]] Result<void> finish();

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, CloseFile>;

  [[nodiscard]] static Result<File> open(const std::filesystem::path& file);
  [[nodiscard]] static Result<void> close(File file, const std::filesystem::path& name);

  std::filesystem::path folder_;
  File events_;
  File requests_;
  File timeline_;
  File trace_file_;
  std::unique_ptr<TraceFile> trace_;
  TracePlace place_;
  std::vector<TraceNote> traces_;
  File progress_;
};

/// `run.json`: what was asked for, by which version, and how much was traced so far.
[[nodiscard]] std::string describe_run(const RunOptions& options, const RunSetup& setup,
                                       const std::vector<TraceNote>& traces = {});

}  // namespace gpreempt::cli
