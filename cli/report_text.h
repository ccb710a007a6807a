#pragma once

#include <cstdint>
#include <string>

#include "cli/summary.h"
#include "core/time.h"

namespace gpreempt::cli {

/// The result for people.
[[nodiscard]] std::string report_text(const RunSummary& summary);

/// Three significant digits and a unit: "850 ns", "12.3 us", "1.20 ms", "-3.00 s".
[[nodiscard]] std::string human_time(Duration duration);
/// The same for bytes, decimal: "12.3 MB".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

}  // namespace gpreempt::cli
