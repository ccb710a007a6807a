#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/program.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/kernel_plan.h"
#include "workloads/hip/options.h"
#include "workloads/hip/runner.h"

/// What a workload process leaves behind.
namespace gpreempt::hip {

/// All that a report is made of.
struct RunFacts {
  const Options& options;
  const Program& program;
  const GpuFacts& gpu;
  const KernelPlan& plan;
  const ClockFit& clock;  ///< through the readings before and after the run
  const RunOutcome& outcome;
};

/// Rows of `requests.csv`, or, of an endless Offline program, of `progress.csv` (docs/bundle.md).
/// What the driver did meanwhile is unknown here and left empty.
[[nodiscard]] std::string records_text(const RunFacts& facts);

/// The report as JSON: the GPU, how durations came out, the clock, the witness, the heartbeat with
/// and without. Keys: docs/hip-workloads.md.
[[nodiscard]] std::string report_json(const RunFacts& facts);

/// The same for people, in a few lines.
[[nodiscard]] std::string report_text(const RunFacts& facts);

/// Errors: kIo.
[[nodiscard]] Result<void> write_file(const std::filesystem::path& file, std::string_view text);

}  // namespace gpreempt::hip
