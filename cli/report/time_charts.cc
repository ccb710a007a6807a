#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "cli/report/document.h"
#include "cli/report/json_view.h"
#include "cli/report/run_charts.h"
#include "cli/report/run_files.h"

namespace gpreempt::report {
namespace {

constexpr double kNsPerSecond = 1e9;
/// Of a throughput curve.
constexpr std::int64_t kThroughputSteps = 120;

/// A tenant's work at instants after the start.
using WorkCurve = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// Work at `at`, on a straight line between samples; both neighbours must be there.
std::optional<double> work_at(const WorkCurve& curve, std::int64_t at) {
  const auto after =
      std::ranges::lower_bound(curve, at, {}, &std::pair<std::int64_t, std::int64_t>::first);
  if (after == curve.end() || (after == curve.begin() && after->first != at)) {
    return std::nullopt;
  }
  if (after->first == at) {
    return static_cast<double>(after->second);
  }
  const auto before = std::prev(after);
  const double share =
      static_cast<double>(at - before->first) / static_cast<double>(after->first - before->first);
  return static_cast<double>(before->second) +
         share * static_cast<double>(after->second - before->second);
}

/// Work per time in equal steps, as a share of `alone`, the same when Offline has the GPU alone.
Json throughput_series(const std::string& policy, const std::vector<WorkCurve>& tenants,
                       const RunFrame& frame, double alone) {
  Json series;
  series["name"] = policy;
  series["x"] = Json::array();
  series["y"] = Json::array();
  const std::int64_t step =
      std::max<std::int64_t>(1, (frame.duration_ns - frame.warmup_ns) / kThroughputSteps);
  for (std::int64_t from = frame.warmup_ns; from + step <= frame.duration_ns; from += step) {
    double done = 0;
    bool known = true;
    for (const WorkCurve& curve : tenants) {
      const std::optional<double> before = work_at(curve, from);
      const std::optional<double> after = work_at(curve, from + step);
      known = known && before && after;
      done += known ? *after - *before : 0;
    }
    if (known) {
      series["x"].push_back(static_cast<double>(from) / kNsPerSecond);
      series["y"].push_back(100 * done / static_cast<double>(step) / alone);
    }
  }
  return series;
}

struct LaneKey {
  std::size_t policy = 0;
  std::string gpu;
  std::string tenant;
  bool operator<(const LaneKey& other) const {
    return std::tie(policy, gpu, tenant) < std::tie(other.policy, other.gpu, other.tenant);
  }
};

struct Lanes {
  std::map<LaneKey, std::vector<const IntervalRow*>> rows;
  std::vector<std::string> states;
};

Lanes lanes_of(const RunFrame& frame, const std::vector<IntervalRow>& timeline) {
  Lanes lanes;
  for (const IntervalRow& row : timeline) {
    if (const std::optional<std::size_t> policy = frame.policy(row.policy)) {
      lanes.rows[{.policy = *policy, .gpu = row.gpu, .tenant = row.tenant}].push_back(&row);
      if (std::ranges::find(lanes.states, row.state) == lanes.states.end()) {
        lanes.states.push_back(row.state);
      }
    }
  }
  return lanes;
}

/// Until when all lanes of a policy can be drawn with `most` changes in total.
std::int64_t end_of_view(const Lanes& lanes, std::size_t policy, std::size_t most) {
  std::vector<std::int64_t> begins;
  std::int64_t end = 0;
  for (const auto& [key, rows] : lanes.rows) {
    if (key.policy == policy) {
      for (const IntervalRow* row : rows) {
        begins.push_back(row->from_ns);
        end = std::max(end, row->to_ns);
      }
    }
  }
  if (begins.size() <= most) {
    return end;
  }
  const auto nth = begins.begin() + static_cast<std::ptrdiff_t>(most);
  std::ranges::nth_element(begins, nth);
  return *nth;
}

Json lane_json(const LaneKey& key, const std::vector<const IntervalRow*>& rows,
               const std::vector<std::string>& states, std::int64_t start, std::int64_t until) {
  Json lane;
  lane["tenant"] = key.tenant;
  lane["gpu"] = key.gpu;
  lane["from"] = Json::array();
  lane["to"] = Json::array();
  lane["state"] = Json::array();
  for (const IntervalRow* row : rows) {
    if (row->from_ns < until) {
      lane["from"].push_back(row->from_ns - start);
      lane["to"].push_back(std::min(row->to_ns, until) - start);
      lane["state"].push_back(std::ranges::find(states, row->state) - states.begin());
    }
  }
  return lane;
}

}  // namespace

Chart throughput_chart(const RunFrame& frame, const Json& summary,
                       const std::vector<ProgressRow>& progress) {
  std::vector<std::map<std::string, WorkCurve>> curves(frame.policies.size());
  for (const ProgressRow& row : progress) {
    const std::optional<std::size_t> policy = frame.policy(row.policy);
    if (!policy) {
      continue;
    }
    if (const std::optional<std::int64_t>& start = frame.start_ns[*policy]; start) {
      curves[*policy][row.tenant].emplace_back(row.at_ns - *start, row.work_ns);
    }
  }
  Json json;
  json["x"] = "time since the start (s)";
  json["y"] = "Offline work, % of Offline alone";
  json["series"] = Json::array();
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const std::string offline = fmt::format("/results/{}/offline/work_alone", i);
    const double alone =
        number_at(summary, offline).value_or(0) /
        static_cast<double>(std::max<std::int64_t>(1, frame.duration_ns - frame.warmup_ns));
    std::vector<WorkCurve> tenants;
    for (auto& [tenant, curve] : curves[i]) {
      tenants.push_back(std::move(curve));
    }
    if (alone > 0 && !tenants.empty()) {
      json["series"].push_back(throughput_series(frame.policies[i], tenants, frame, alone));
    }
  }
  return {.id = "throughput",
          .kind = "lines",
          .about = "Offline work done per time, as a share of what it does alone",
          .data = chart_text(json)};
}

Chart timeline_chart(const RunFrame& frame, const std::vector<IntervalRow>& timeline,
                     std::size_t most, std::string& note) {
  const Lanes lanes = lanes_of(frame, timeline);
  Json json;
  json["states"] = lanes.states;
  json["policies"] = Json::array();
  bool is_cut = false;
  for (std::size_t i = 0; i < frame.policies.size(); ++i) {
    const std::int64_t start = frame.start_ns[i].value_or(0);
    const std::int64_t until = end_of_view(lanes, i, most);
    Json policy;
    policy["name"] = frame.policies[i];
    policy["end"] = until - start;
    policy["lanes"] = Json::array();
    std::int64_t last = 0;
    for (const auto& [key, rows] : lanes.rows) {
      if (key.policy == i) {
        policy["lanes"].push_back(lane_json(key, rows, lanes.states, start, until));
        last = std::max(last, rows.back()->to_ns);
      }
    }
    is_cut = is_cut || last > until;
    if (!policy["lanes"].empty()) {
      json["policies"].push_back(std::move(policy));
    }
  }
  if (is_cut) {
    note = fmt::format(
        "Only the first {} changes of each policy are drawn; trace.json has all of them.", most);
  }
  return {.id = "timeline",
          .kind = "timeline",
          .about = "What each tenant's queues were doing, one lane for a tenant on a GPU",
          .data = chart_text(json)};
}

Chart requests_chart(const RunFrame& frame, const std::vector<RequestRow>& requests,
                     std::size_t most, std::string& note) {
  std::vector<const RequestRow*> shown;
  std::vector<std::string> tenants;
  for (const RequestRow& row : requests) {
    if (frame.policy(row.policy) && frame.is_online(row.tenant)) {
      shown.push_back(&row);
      if (std::ranges::find(tenants, row.tenant) == tenants.end()) {
        tenants.push_back(row.tenant);
      }
    }
  }
  if (shown.size() > most) {
    // Never finished is slower than anything.
    const auto latency = [](const RequestRow* row) {
      return row->end_ns ? *row->end_ns - row->arrival_ns : INT64_MAX;
    };
    std::ranges::nth_element(shown, shown.begin() + static_cast<std::ptrdiff_t>(most),
                             [&](const auto* a, const auto* b) {
                               return std::make_tuple(-latency(a), a) <
                                      std::make_tuple(-latency(b), b);
                             });
    note =
        fmt::format("Only the slowest {} of {} requests are listed; requests.csv has all of them.",
                    most, shown.size());
    shown.resize(most);
    std::ranges::sort(shown);  // back in the file's order: all are of one vector
  }
  Json json;
  json["policies"] = frame.policies;
  json["tenants"] = tenants;
  for (const char* const column : {"policy", "tenant", "request", "arrival", "wait", "latency"}) {
    json[column] = Json::array();
  }
  for (const RequestRow* row : shown) {
    const std::size_t policy = frame.policy(row->policy).value_or(0);  // all of `shown` have one
    json["policy"].push_back(policy);
    json["tenant"].push_back(std::ranges::find(tenants, row->tenant) - tenants.begin());
    json["request"].push_back(row->request);
    json["arrival"].push_back(row->arrival_ns - frame.start_ns[policy].value_or(0));
    json["wait"].push_back(row->first_wave_ns ? Json(*row->first_wave_ns - row->arrival_ns)
                                              : Json(nullptr));
    json["latency"].push_back(row->end_ns ? Json(*row->end_ns - row->arrival_ns) : Json(nullptr));
  }
  return {.id = "requests",
          .kind = "requests",
          .about = "Online requests, those of the warm-up too",
          .data = chart_text(json)};
}

}  // namespace gpreempt::report
