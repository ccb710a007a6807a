#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/metrics.h"
#include "cli/run_setup.h"
#include "cli/summary.h"

namespace gpreempt::cli {

/// `--format json` and `summary.json`: schema 1, keys in a fixed order, two spaces of indent, ends
/// in a newline. No sample is null; times are integer nanoseconds.
[[nodiscard]] std::string report_json(const RunSummary& summary);

/// One element of its `results`.
[[nodiscard]] nlohmann::ordered_json result_json(const PolicyMetrics& result,
                                                 const RunSetup& setup);

}  // namespace gpreempt::cli
