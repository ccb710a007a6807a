#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/report/distribution.h"
#include "core/error.h"

/// Reports as one self-contained HTML file. No I/O.
namespace gpreempt::report {

/// Latencies of a policy's completed Online requests.
struct PolicyLatency {
  std::string policy;
  std::vector<std::int64_t> latency_ns;  ///< ascending
};

/// The page of a run. `summary` and `run`: the texts of a bundle's `summary.json` and `run.json`.
/// Every text in them is data to the page, never markup. Errors: kParse (not a JSON object).
[[nodiscard]] Result<std::string> run_page(std::string_view summary, std::string_view run,
                                           const std::vector<PolicyLatency>& latencies);

}  // namespace gpreempt::report
