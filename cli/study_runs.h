#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/policy_runs.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "core/error.h"
#include "study/plan.h"

/// A study's points as runs of the simulator.
namespace gpreempt::cli {

class StudyRuns {
 public:
  /// Reads every point of the plan. A point that is refused stays, and its runs fail; a level that
  /// is refused at every point refuses the study, at its place in the file, and so does a workload
  /// that no point can have.
  /// `base` says which scenario, and which traces. Errors: kInvalidArgument, kParse.
  [[nodiscard]] static Result<StudyRuns> prepare(const study::Plan& plan, RunOptions base);

  /// One run on the models without an engine: `make_run` of the study's engine.
  /// Errors: those of the point, of its workload and of the run.
  [[nodiscard]] Result<std::vector<double>> run(std::size_t point, std::uint64_t seed);

  /// The scenario as all points share it, [quick] included.
  [[nodiscard]] const RunSetup& base() const { return base_; }

 private:
  [[nodiscard]] Result<void> check_metrics(const study::Plan& plan) const;
  [[nodiscard]] Result<void> check_levels(const study::Plan& plan) const;
  /// That a point's first run can be made: a trace that nobody uses is refused at every point.
  [[nodiscard]] Result<void> check_workloads() const;

  RunSetup base_;
  std::vector<std::vector<std::string>> metrics_;  ///< paths
  std::vector<Result<RunSetup>> points_;
  BaselineStore baselines_;
};

/// The scenario that a study names: a file, its name taken from the study's folder, or else a
/// built-in one, by its name without a folder.
[[nodiscard]] std::string scenario_of(const std::string& study_file, const std::string& scenario);

}  // namespace gpreempt::cli
