#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "cli/run_setup.h"
#include "cli/simulate.h"
#include "core/error.h"

namespace gpreempt::cli {

/// An evidence bundle: a folder with what went in and what came out of a run.
class Bundle {
 public:
  /// Makes the folder if it is not there, and starts `events.jsonl`, `requests.csv` and
  /// `progress.csv`. Files of an
  /// earlier bundle are replaced. Errors: kInvalidArgument (the folder holds something else), kIo.
  [[nodiscard]] static Result<Bundle> create(const std::filesystem::path& folder);

  /// Where event logs go.
  [[nodiscard]] std::FILE& events() { return *events_; }
  /// Adds a run's requests. Times are on the backend's clock, as in `events.jsonl`; a time that
  /// never came is empty. Errors: none until `finish`.
  void add_requests(std::string_view label, const RunRecord& run);
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
  File progress_;
};

/// `run.json`: what was asked for, by which version.
[[nodiscard]] std::string describe_run(const RunOptions& options, const RunSetup& setup);

}  // namespace gpreempt::cli
