#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/report/document.h"
#include "cli/report/json_view.h"
#include "cli/report/run_files.h"

/// The charts of a run's page.
namespace gpreempt::report {

/// What a chart needs of `summary.json`.
struct RunFrame {
  std::vector<std::string> policies;
  std::vector<std::string> online;  ///< names of the Online tenants; empty: unknown
  std::vector<std::optional<std::int64_t>> start_ns;  ///< zero of the arrivals, one a policy
  std::int64_t warmup_ns = 0;
  std::int64_t duration_ns = 0;
  std::vector<std::int64_t> limits_ns;  ///< on the latency; empty if something else is limited

  [[nodiscard]] std::optional<std::size_t> policy(const std::string& name) const;
  [[nodiscard]] bool is_online(const std::string& tenant) const;
};
[[nodiscard]] RunFrame frame_of(const Json& summary);

/// Latencies of the completed Online requests that count, ascending, one vector a policy.
[[nodiscard]] std::vector<std::vector<std::int64_t>> latencies_of(
    const RunFrame& frame, const std::vector<RequestRow>& requests);

[[nodiscard]] Chart ecdf_chart(const RunFrame& frame,
                               const std::vector<std::vector<std::int64_t>>& latencies);
[[nodiscard]] Chart histogram_chart(const RunFrame& frame,
                                    const std::vector<std::vector<std::int64_t>>& latencies);
[[nodiscard]] Chart band_chart(const RunFrame& frame, const Json& summary);
[[nodiscard]] Chart decomposition_chart(const Json& summary);
[[nodiscard]] Chart throughput_chart(const RunFrame& frame, const Json& summary,
                                     const std::vector<ProgressRow>& progress);
/// The first `most` changes of state of each policy; `note` says what was left out.
[[nodiscard]] Chart timeline_chart(const RunFrame& frame, const std::vector<IntervalRow>& timeline,
                                   std::size_t most, std::string& note);
/// The slowest `most` requests.
[[nodiscard]] Chart requests_chart(const RunFrame& frame, const std::vector<RequestRow>& requests,
                                   std::size_t most, std::string& note);

}  // namespace gpreempt::report
