#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/testbed.h"
#include "core/time.h"

/// The rows of a bundle's `requests.csv` and `progress.csv` (docs/bundle.md), for everybody who
/// writes them: the command line, and workload processes on a GPU.
namespace gpreempt {

/// The columns of `requests.csv`: policy, tenant, request, arrival, first wave, end, a column for
/// each `DriverPhase`, first token, tokens.
[[nodiscard]] std::vector<std::string> request_columns();
inline constexpr std::size_t kFirstPhaseColumn = 6;

/// The header's line, without its end.
[[nodiscard]] std::string requests_header();

/// Whether the world tells what the driver did between arrival and end.
enum class Phases { kKnown, kUnknown };

/// Appends a line with its end. What never came, or is unknown, is empty.
void append_request(fmt::memory_buffer& out, std::string_view label, std::string_view tenant,
                    const RequestRecord& request, Phases phases);

[[nodiscard]] std::string_view progress_header();
/// `work` that a tenant had done at `at`. Appends a line with its end.
void append_progress(fmt::memory_buffer& out, std::string_view label, std::string_view tenant,
                     Instant at, Duration work);

}  // namespace gpreempt
