#pragma once

#include <string>

#include "cli/process_options.h"
#include "core/error.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
}  // namespace CLI

namespace gpreempt::cli {

/// Options about processes, as they stand on the command line of `run`.
struct RawProcesses {
  ProcessOptions options;
  std::string ready_timeout = "600s";
  std::string settle;
  std::string stop_timeout = "10s";
  std::string slow = "100ms";
  std::string back_off = "600s";
  bool no_baselines = false;
};

/// Adds them to the verb; `raw` must outlive the app.
void add_process_options(CLI::App& run, RawProcesses& raw);

/// Errors: kInvalidArgument (what cannot be read; names the option).
[[nodiscard]] Result<ProcessOptions> read_processes(const RawProcesses& raw);

}  // namespace gpreempt::cli
