#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "workloads/scenario.h"

/// Recorded arrivals.
namespace gpreempt {

struct TraceRequest {
  Duration at{};  ///< since the first request
  std::uint32_t context_tokens = 0;
  std::uint32_t generated_tokens = 0;
};

struct Trace {
  std::vector<TraceRequest> requests;  ///< in order of `at`; never empty
  std::uint64_t skipped = 0;           ///< lines left out under `TraceErrors::kSkip`
  std::string first_skipped;           ///< what was wrong with the first of them
};

/// Reads "azure-llm-2023": a CSV file with the header `TIMESTAMP,ContextTokens,GeneratedTokens`,
/// times as `2023-11-16 18:17:03.9799600` (up to 9 digits of a second, time zone ignored), lines
/// ending in LF or CRLF, the last one also in neither.
/// Errors: kParse "file:line: reason" for a missing header, no requests, a malformed or truncated
/// line, tokens below 1, or a time before that of the line above. Under kSkip the last three leave
/// the line out and are counted.
/// Source: Azure/AzurePublicDataset, AzureLLMInferenceDataset2023.
[[nodiscard]] Result<Trace> parse_azure_trace(std::string_view text, std::string_view display_name,
                                              TraceErrors on_error);
/// The same from a file. Errors: also kIo.
[[nodiscard]] Result<Trace> load_azure_trace(const std::filesystem::path& file,
                                             TraceErrors on_error);

}  // namespace gpreempt
