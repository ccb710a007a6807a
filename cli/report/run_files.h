#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"

namespace gpreempt::report {

/// A row of `requests.csv`; times are the backend's.
struct RequestRow {
  std::string policy;
  std::string tenant;
  std::int64_t request = 0;
  std::int64_t arrival_ns = 0;
  std::optional<std::int64_t> first_wave_ns;  ///< nullopt: it never began
  std::optional<std::int64_t> end_ns;         ///< nullopt: it never ended
};

/// A row of `timeline.csv`: a tenant's state on a GPU.
struct IntervalRow {
  std::string policy;
  std::string tenant;
  std::string gpu;
  std::string state;
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
};

/// A row of `progress.csv`: work that a tenant has done since the policy's run began.
struct ProgressRow {
  std::string policy;
  std::string tenant;
  std::int64_t at_ns = 0;
  std::int64_t work_ns = 0;
};

/// What a run's report is made from.
struct RunFiles {
  std::string summary;  ///< text of `summary.json`
  std::string run;      ///< text of `run.json`
  std::vector<RequestRow> requests;
  std::optional<std::vector<IntervalRow>> timeline;  ///< nullopt: the bundle has none
  std::optional<std::vector<ProgressRow>> progress;  ///< the same
};

/// Reads a bundle. Errors: kInvalidArgument (it lacks a file), kParse (file:line), kIo.
[[nodiscard]] Result<RunFiles> read_run_files(const std::filesystem::path& folder);

}  // namespace gpreempt::report
