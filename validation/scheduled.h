#pragma once

#include <string>
#include <vector>

#include "backends/sim/system.h"
#include "core/error.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"

/// One scheduler on one simulated machine, from launch to rest.
namespace gpreempt::validation {

/// What to run. Programs with `offline` set are controlled, the others observed; Online programs
/// need `hints` for a policy that acts.
struct Experiment {
  sim::SystemOptions system;
  std::vector<Program> programs;
  std::string policy = "suspend";
  std::string mechanism = "suspend-queues";
  Duration grace{};                           ///< given to every suspend
  Duration duration{};                        ///< measured time
  Duration drain = std::chrono::seconds(60);  ///< then at most so long for requests under way
};

/// What one program did.
struct ProgramResult {
  std::vector<RequestRecord> requests;
  ProgramProgress progress;  ///< at the end of the duration
};
struct ExperimentResult {
  std::vector<ProgramResult> programs;  ///< in the order of the experiment
  std::vector<DriverCall> calls;
};

/// Runs it on a plain timeline. Errors: those of the testbed and the scheduler.
[[nodiscard]] Result<ExperimentResult> run_experiment(const Experiment& experiment);

/// Mean time from arrival to end of the requests that are complete, in nanoseconds.
[[nodiscard]] double mean_latency(const std::vector<RequestRecord>& requests);

}  // namespace gpreempt::validation
