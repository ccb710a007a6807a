#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/report/distribution.h"
#include "cli/report/document.h"
#include "cli/report/json_view.h"
#include "cli/report/run_charts.h"
#include "cli/report/run_files.h"
#include "cli/report_text.h"
#include "core/time.h"

namespace gpreempt::report {
namespace {

/// More than a screen can show apart.
constexpr std::size_t kEcdfPoints = 800;
constexpr std::size_t kBins = 60;
constexpr double kNsPerMs = 1e6;

double ms(std::int64_t ns) { return static_cast<double>(ns) / kNsPerMs; }

Json limits_json(const RunFrame& frame) {
  Json limits = Json::array();
  for (const std::int64_t ns : frame.limits_ns) {
    limits.push_back({{"at", ms(ns)}, {"name", cli::human_time(Duration(ns))}});
  }
  return limits;
}

Json axes(std::string_view x, std::string_view y) {
  Json json;
  json["x"] = std::string(x);
  json["y"] = std::string(y);
  json["series"] = Json::array();
  return json;
}

}  // namespace

std::optional<std::size_t> RunFrame::policy(const std::string& name) const {
  const auto found = std::ranges::find(policies, name);
  return found == policies.end()
             ? std::nullopt
             : std::optional(static_cast<std::size_t>(found - policies.begin()));
}

bool RunFrame::is_online(const std::string& tenant) const {
  return online.empty() || std::ranges::find(online, tenant) != online.end();
}

RunFrame frame_of(const Json& summary) {
  RunFrame frame;
  frame.warmup_ns = static_cast<std::int64_t>(number_at(summary, "/warmup_ns").value_or(0));
  frame.duration_ns = static_cast<std::int64_t>(number_at(summary, "/duration_ns").value_or(0));
  for (const Json& tenant : at(summary, "/tenants")) {
    if (at(tenant, "/class") == "online") {
      frame.online.push_back(text_at(tenant, "/name"));
    }
  }
  for (const Json& result : at(summary, "/results")) {
    frame.policies.push_back(text_at(result, "/policy"));
    const std::optional<double> start = number_at(result, "/start_ns");
    frame.start_ns.push_back(start ? std::optional(static_cast<std::int64_t>(*start))
                                   : std::nullopt);
  }
  const Json& slo = at(summary, "/results/0/online/slo");
  if (at(slo, "/metric") == "latency") {
    if (const std::optional<double> limit = number_at(slo, "/limit_ns")) {
      frame.limits_ns.push_back(static_cast<std::int64_t>(*limit));
    }
    for (const Json& goal : at(slo, "/goals")) {
      if (const std::optional<double> limit = number_at(goal, "/limit_ns")) {
        frame.limits_ns.push_back(static_cast<std::int64_t>(*limit));
      }
    }
  }
  return frame;
}

std::vector<std::vector<std::int64_t>> latencies_of(const RunFrame& frame,
                                                    const std::vector<RequestRow>& requests) {
  std::vector<std::vector<std::int64_t>> all(frame.policies.size());
  for (const RequestRow& row : requests) {
    const std::optional<std::size_t> policy = frame.policy(row.policy);
    if (!policy || !row.end_ns || !frame.is_online(row.tenant)) {
      continue;
    }
    const std::optional<std::int64_t>& start = frame.start_ns[*policy];
    if (!start || row.arrival_ns >= *start + frame.warmup_ns) {
      all[*policy].push_back(*row.end_ns - row.arrival_ns);
    }
  }
  for (std::vector<std::int64_t>& latencies : all) {
    std::ranges::sort(latencies);
  }
  return all;
}

Chart ecdf_chart(const RunFrame& frame, const std::vector<std::vector<std::int64_t>>& latencies) {
  Json json = axes("latency (ms)", "share of completed requests (%)");
  json["limits"] = limits_json(frame);
  for (std::size_t i = 0; i < latencies.size(); ++i) {
    Json series;
    series["name"] = frame.policies[i];
    series["x"] = Json::array();
    series["y"] = Json::array();
    const auto count = static_cast<double>(latencies[i].size());
    for (const EcdfPoint& point : ecdf_of(latencies[i], kEcdfPoints)) {
      series["x"].push_back(ms(point.value));
      series["y"].push_back(100 * static_cast<double>(point.count) / count);
    }
    json["series"].push_back(std::move(series));
  }
  return {.id = "ecdf",
          .kind = "lines",
          .about = "Share of completed Online requests that took at most so long; dashed: limits",
          .data = chart_text(json)};
}

Chart histogram_chart(const RunFrame& frame,
                      const std::vector<std::vector<std::int64_t>>& latencies) {
  // One width for all, or the bars could not be compared.
  std::vector<std::int64_t> all;
  for (const std::vector<std::int64_t>& one : latencies) {
    all.insert(all.end(), one.begin(), one.end());
  }
  std::ranges::sort(all);
  const Histogram shape = histogram_of(all, kBins);
  Json json =
      axes("latency (ms)", "completed requests per " + cli::human_time(Duration(shape.width)));
  json["limits"] = limits_json(frame);
  for (std::size_t i = 0; i < latencies.size(); ++i) {
    std::vector<std::uint64_t> counts(shape.counts.size() + 1);  // the last bar ends at zero
    for (const std::int64_t latency : latencies[i]) {
      ++counts.at(static_cast<std::size_t>(latency / shape.width));
    }
    Json series;
    series["name"] = frame.policies[i];
    series["x"] = Json::array();
    for (std::size_t bin = 0; bin < counts.size(); ++bin) {
      series["x"].push_back(ms(static_cast<std::int64_t>(bin) * shape.width));
    }
    series["y"] = counts;
    json["series"].push_back(std::move(series));
  }
  return {.id = "histogram",
          .kind = "lines",
          .about = "Histogram of the latency of completed Online requests; dashed: limits",
          .data = chart_text(json)};
}

Chart band_chart(const RunFrame& frame, const Json& summary) {
  Json json;
  json["x"] = "Online p99 (ms)";
  json["limits"] = limits_json(frame);
  json["rows"] = Json::array();
  for (const Json& result : at(summary, "/results")) {
    const std::optional<double> value = number_at(result, "/online/latency_ns/p99");
    const std::optional<double> lo = number_at(result, "/band/p99/0");
    const std::optional<double> hi = number_at(result, "/band/p99/1");
    if (value && lo && hi) {
      json["rows"].push_back({{"name", text_at(result, "/policy")},
                              {"value", *value / kNsPerMs},
                              {"lo", *lo / kNsPerMs},
                              {"hi", *hi / kNsPerMs},
                              {"text", time_cell(at(result, "/online/latency_ns/p99")).text + " (" +
                                           time_band_cell(at(result, "/band/p99")).text + ")"}});
    }
  }
  return {.id = "bands",
          .kind = "intervals",
          .about = "Online p99 of each policy with its band; dashed: limits",
          .data = chart_text(json)};
}

Chart decomposition_chart(const Json& summary) {
  Json json;
  json["x"] = "mean Online latency (ms)";
  json["parts"] = Json::array();
  json["rows"] = Json::array();
  for (const Json& result : at(summary, "/results")) {
    const Json& parts = at(result, "/online/decomposition_mean_ns");
    if (!number_at(parts, "/mean")) {
      continue;
    }
    Json names = Json::array();
    Json values = Json::array();
    for (const auto& [name, value] : parts.items()) {
      if (name != "mean" && value.is_number()) {
        names.push_back(name);
        values.push_back(value.get<double>() / kNsPerMs);
      }
    }
    json["parts"] = names;
    json["rows"].push_back({{"name", text_at(result, "/policy")},
                            {"values", values},
                            {"text", time_cell(at(parts, "/mean")).text}});
  }
  return {.id = "decomposition",
          .kind = "bars",
          .about = "Where the mean latency of an Online request goes, by policy",
          .data = chart_text(json)};
}

}  // namespace gpreempt::report
