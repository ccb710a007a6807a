#include "cli/report/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/report/assets.h"
#include "cli/report/distribution.h"
#include "core/error.h"

namespace gpreempt::report {
namespace {

using Json = nlohmann::ordered_json;

/// More than a screen can show apart.
constexpr std::size_t kEcdfPoints = 800;
constexpr std::size_t kBins = 60;

std::string_view asset(std::string_view name) {
  const std::span<const Asset> all = embedded_assets();
  const auto found = std::ranges::find(all, name, &Asset::name);
  GPREEMPT_CHECK(found != all.end());
  return found->text;
}

Json charts_of(const PolicyLatency& latency) {
  Json json;
  json["policy"] = latency.policy;
  json["count"] = latency.latency_ns.size();
  json["ecdf"]["value_ns"] = Json::array();
  json["ecdf"]["count"] = Json::array();
  for (const EcdfPoint& point : ecdf_of(latency.latency_ns, kEcdfPoints)) {
    json["ecdf"]["value_ns"].push_back(point.value);
    json["ecdf"]["count"].push_back(point.count);
  }
  const Histogram histogram = histogram_of(latency.latency_ns, kBins);
  json["histogram"]["width_ns"] = histogram.width;
  json["histogram"]["counts"] = histogram.counts;
  return json;
}

/// JSON in which no text can end the script element that holds it.
std::string island(const Json& json) {
  std::string text;
  for (const char c : json.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

Result<Json> read(std::string_view name, std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return fail(Errc::kParse,
                fmt::format("make a report of {}: it is not a JSON object; repeat the run", name));
  }
  return json;
}

}  // namespace

Result<std::string> run_page(std::string_view summary, std::string_view run,
                             const std::vector<PolicyLatency>& latencies) {
  Json data;
  Result<Json> summary_json = read("summary.json", summary);
  GPREEMPT_TRY(summary_json);
  data["summary"] = *std::move(summary_json);
  Result<Json> run_json = read("run.json", run);
  GPREEMPT_TRY(run_json);
  data["run"] = *std::move(run_json);
  data["latency"] = Json::array();
  for (const PolicyLatency& latency : latencies) {
    data["latency"].push_back(charts_of(latency));
  }
  // In pieces, not by replacing marks: data that holds a mark must stay data.
  return fmt::format(
      "{}<style>{}{}</style></head>{}<script type=\"application/json\" id=\"data\">{}</script>"
      "<script>{}</script><script>{}</script></body></html>\n",
      asset("head.html"), asset("uPlot.min.css"), asset("page.css"), asset("body.html"),
      island(data), asset("uPlot.iife.min.js"), asset("page.js"));
}

}  // namespace gpreempt::report
