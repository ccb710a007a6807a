#pragma once

#include <string>

#include "cli/summary.h"

namespace gpreempt::cli {

/// `--format json` and `summary.json`: schema 1, keys in a fixed order, two spaces of indent, ends
/// in a newline. No sample is null; times are integer nanoseconds.
[[nodiscard]] std::string report_json(const RunSummary& summary);

}  // namespace gpreempt::cli
