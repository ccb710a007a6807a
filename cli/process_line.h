#pragma once

#include <string>

#include "cli/process_options.h"
#include "cli/run_options.h"
#include "cli/safety_line.h"
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
  SafetyLine safety;
  bool no_baselines = false;
};

/// Adds them to the verb; `raw` must outlive the app.
void add_process_options(CLI::App& run, RawProcesses& raw);

/// Errors: kInvalidArgument (what cannot be read, or is about processes where `kind` is a model;
/// names the option).
[[nodiscard]] Result<ProcessOptions> read_processes(const RawProcesses& raw, BackendKind kind);

}  // namespace gpreempt::cli
