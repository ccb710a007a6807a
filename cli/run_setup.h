#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "cli/run_options.h"
#include "core/error.h"
#include "core/mechanism.h"
#include "core/policy.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"

/// Everything that can be refused before anything runs.
namespace gpreempt::cli {

struct RunSetup {
  Scenario scenario;          ///< with the command line's overrides
  std::string scenario_text;  ///< as loaded
  sim::Model model;
  sim::SystemOptions system;
  Workload workload;
  std::vector<std::string> policies;  ///< with the scenario's options filled in
  std::vector<std::string> left_out;  ///< policies of `all` that are not told enough
  Mechanism mechanism;
  std::vector<double> utilisation;                      ///< Online alone, per GPU
  std::map<std::string, std::filesystem::path> traces;  ///< as in `RunOptions`
};

/// Errors: kInvalidArgument, kParse (each with the file and line where there is one), kUnsupported.
/// A file that is missing is refused input, too.
[[nodiscard]] Result<RunSetup> set_up(const RunOptions& options);

/// The same without the workload, which alone depends on what is drawn. Errors: the same, unless
/// they are about the workload.
[[nodiscard]] Result<RunSetup> prepare(const RunOptions& options);

/// What `prepare` made, with the workload drawn from `seed`.
/// Errors: kInvalidArgument (the grace period, or Online alone, is too long for the hardware),
/// those of `compile`.
[[nodiscard]] Result<RunSetup> with_seed(const RunSetup& prepared, std::uint64_t seed);

/// The same on other hardware: the requests are compiled anew, from the same seed.
/// Errors: kInvalidArgument (the grace period, or Online alone, is too long for this hardware).
[[nodiscard]] Result<RunSetup> on_hardware(const RunSetup& setup, const sim::GpuParameters& gpu);

/// What a scenario does not tell a policy.
struct MissingNeeds {
  bool requests = false;                        ///< detection sees rings only
  const TenantScenario* no_deadline = nullptr;  ///< the first Online tenant without one
};
[[nodiscard]] MissingNeeds missing_needs(PolicyNeeds needs, const Scenario& scenario);

/// Whether the scenario's detection and tenants tell a policy what it needs.
/// Errors: kInvalidArgument (what it lacks, and what to write).
[[nodiscard]] Result<void> check_needs(const std::string& policy, PolicyNeeds needs,
                                       const Scenario& scenario);

}  // namespace gpreempt::cli
