#include "cli/report_json.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/band.h"
#include "cli/metrics.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/summary.h"
#include "config/parameter.h"
#include "core/mechanism.h"
#include "core/policy.h"
#include "core/stats.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json value_of(const std::optional<Quantile>& quantile) {
  return quantile ? Json(quantile->value) : Json(nullptr);
}

Json band_of(const std::optional<Quantile>& quantile) {
  return quantile ? Json::array({quantile->lo, quantile->hi}) : Json(nullptr);
}

Json json_of(const Spread& spread) {
  Json json;
  json["p50"] = value_of(spread.p50);
  json["p95"] = value_of(spread.p95);
  json["p99"] = value_of(spread.p99);
  json["max"] = or_null(spread.max);
  return json;
}

Json bands_of(const Spread& spread) {
  Json json;
  json["p50"] = band_of(spread.p50);
  json["p95"] = band_of(spread.p95);
  json["p99"] = band_of(spread.p99);
  return json;
}

Json json_of(const PolicyBand& band) {
  const std::vector<BandQuantity>& quantities = band_quantities();
  Json json;
  for (std::size_t i = 0; i < quantities.size(); ++i) {
    const std::optional<BandInterval>& interval = band.intervals.at(i);
    const std::string key(quantities[i].key);
    if (!interval) {
      json[key] = nullptr;
    } else if (quantities[i].is_time) {
      json[key] = Json::array({std::llround(interval->lo), std::llround(interval->hi)});
    } else {
      json[key] = Json::array({interval->lo, interval->hi});
    }
  }
  return json;
}

/// How the `band` of each result came about.
Json json_of(const BandSummary& band) {
  Json json;
  json["kind"] = "priors";
  json["draws"] = band.draws;
  json["refused"] = band.refused;
  json["seed"] = band.seed;
  json["quantiles"] = Json::array({0.05, 0.95});
  return json;
}

Json json_of(const Decomposition& decomposition) {
  Json json;
  const bool any = decomposition.requests != 0;
  json["mean"] = any ? Json(decomposition.mean_ns) : Json(nullptr);
  for (std::size_t i = 0; i < kParts; ++i) {
    json[std::string(to_string(static_cast<Part>(i)))] =
        any ? Json(decomposition.parts_ns.at(i)) : Json(nullptr);
  }
  return json;
}

Json json_of(const std::vector<LatencyVerdict>& verdicts, const SloScenario& slo) {
  Json json;
  const bool any = !verdicts.empty();
  json["limit_ns"] = any ? Json(to_ns(verdicts.front().limit)) : Json(nullptr);
  json["met"] = any ? or_null(verdicts.front().met) : Json(nullptr);
  json["quantile"] = slo.quantile;
  json["metric"] = std::string(to_string(slo.metric));
  json["goals"] = Json::array();
  for (std::size_t i = 1; i < verdicts.size(); ++i) {
    Json goal;
    goal["limit_ns"] = to_ns(verdicts[i].limit);
    goal["met"] = or_null(verdicts[i].met);
    json["goals"].push_back(goal);
  }
  return json;
}

Json json_of(const OnlineMetrics& online, const SloScenario& slo) {
  Json json;
  json["requests"] = online.requests;
  json["completed"] = online.completed;
  json["unfinished"] = online.unfinished;
  json["latency_ns"] = json_of(online.latency);
  json["slo"] = json_of(online.slo, slo);
  json["added_latency_ns"] = json_of(online.added);
  json["dispatch_delay_ns"] = json_of(online.dispatch_delay);
  json["ttft_ns"] = json_of(online.ttft);
  json["tpot_ns"] = json_of(online.tpot);
  json["decomposition_mean_ns"] = json_of(online.decomposition);
  return json;
}

Json json_of(const std::optional<OfflineMetrics>& offline, const SloScenario& slo) {
  Json json;
  json["loss"] = offline ? or_null(offline->loss) : Json(nullptr);
  json["loss_floor"] = offline ? or_null(offline->loss_floor) : Json(nullptr);
  json["overhead"] = offline ? or_null(offline->overhead) : Json(nullptr);
  json["work_done"] = offline ? Json(to_ns(offline->work)) : Json(nullptr);
  json["work_alone"] = offline ? Json(to_ns(offline->baseline_work)) : Json(nullptr);
  json["kernels"] = offline ? Json(offline->kernels) : Json(nullptr);
  json["requests_completed"] = offline ? or_null(offline->requests_completed) : Json(nullptr);
  json["requests_completed_alone"] =
      offline ? or_null(offline->baseline_requests_completed) : Json(nullptr);
  json["slo"] = Json::array();
  for (std::size_t i = 0; i < slo.offline_loss.size(); ++i) {
    const bool judged = offline && i < offline->verdicts.size();
    Json verdict;
    verdict["limit"] = slo.offline_loss[i];
    verdict["met"] = judged ? or_null(offline->verdicts[i].met) : Json(nullptr);
    json["slo"].push_back(verdict);
  }
  return json;
}

Json json_of(const PreemptionMetrics& preemptions) {
  Json json;
  json["suspend"] = preemptions.suspends;
  json["resume"] = preemptions.resumes;
  json["first_suspend"] = preemptions.first.count;
  json["first_suspend_latency_ns"] = json_of(preemptions.first);
  json["steady_suspend_latency_ns"] = json_of(preemptions.steady);
  json["saved_bytes_mean"] = or_null(preemptions.saved_bytes_mean);
  json["bystander_per_call_ns"] =
      preemptions.bystander_per_call ? Json(to_ns(*preemptions.bystander_per_call)) : Json(nullptr);
  return json;
}

Json json_of(const GangMetrics& gang) {
  Json json;
  json["tenant"] = gang.name;
  json["ranks"] = gang.ranks;
  json["taken_off"] = gang.off.count;
  json["taken_off_in_part"] = gang.incomplete;
  json["off_ns"] = json_of(gang.off);
  json["apart_ns"] = json_of(gang.apart);
  json["collective_wait_ns"] = to_ns(gang.wait);
  json["aborted"] = gang.aborted;
  return json;
}

}  // namespace

Json result_json(const PolicyMetrics& result, const RunSetup& setup) {
  const SloScenario& slo = setup.scenario.slo;
  Json json;
  json["policy"] = result.policy;
  json["start_ns"] = to_ns(result.start);
  json["mechanism"] = label_of(setup.mechanism);
  json["online"] = json_of(result.online, slo);
  if (result.tenants.size() > 1) {
    for (const TenantMetrics& tenant : result.tenants) {
      json["online"]["tenants"][tenant.name] = json_of(tenant.online, slo);
    }
  }
  json["offline"] = json_of(result.offline, slo);
  json["preemptions"] = json_of(result.preemptions);
  for (const GangMetrics& gang : result.gangs) {
    json["gangs"].push_back(json_of(gang));
  }
  json["bystander_ns"] =
      result.preemptions.is_blind ? Json(nullptr) : Json(to_ns(result.preemptions.bystander));
  json["decisions"] = result.decisions;
  json["refusals"] = result.refusals;
  json["leases_expired"] = result.leases_expired;
  json["sim"]["simulated_s"] =
      result.preemptions.is_blind ? Json(nullptr) : Json(result.simulated_s);
  json["sim"]["wall_s"] = result.wall_s;
  json["sim"]["events"] = result.engine_events;
  json["band"] = bands_of(result.online.latency);
  return json;
}

std::string report_json(const RunSummary& summary) {
  const RunSetup& setup = summary.setup;
  Json json;
  json["schema"] = 1;
  json["scenario"] = setup.scenario.name;
  json["backend"] = to_string(summary.backend);
  json["seed"] = setup.scenario.run.seed;
  json["evidence"] = summary.measured ? std::string("measured")
                                      : std::string(to_string(setup.model.weakest_cost_evidence()));
  json["statement"] = summary.measured ? "measured" : "simulated";
  json["model"] = summary.measured ? Json(nullptr) : Json(setup.model.name);
  json["personality"] =
      summary.measured ? summary.measured->driver : std::string(setup.system.personality.name);
  json["gpus"] = setup.system.gpus;
  json["detection"] = to_string(setup.scenario.scheduler.detection);
  const std::string_view note = detection_note(setup.scenario.scheduler.detection);
  json["detection_note"] = note.empty() ? Json(nullptr) : Json(std::string(note));
  json["duration_ns"] = to_ns(setup.workload.duration);
  json["warmup_ns"] = to_ns(setup.workload.warmup);
  json["online_alone_utilisation"] = setup.utilisation;
  json["tenants"] = Json::array();
  for (const TenantMeta& tenant : setup.workload.tenants) {
    const bool is_online = tenant.cls == TenantClass::kOnline;
    json["tenants"].push_back({{"name", tenant.name},
                               {"class", is_online ? "online" : "offline"},
                               {"gpus", tenant.gpus}});
  }
  json["warnings"] = summary.warnings;
  if (summary.band) {
    json["band"] = json_of(*summary.band);
  }
  if (summary.gated) {
    json["gate"]["passed"] = summary.missed.empty();
    json["gate"]["missed"] = summary.missed;
  }
  json["results"] = Json::array();
  for (const PolicyMetrics& result : summary.results) {
    Json one = result_json(result, setup);
    if (summary.band) {
      one["rank_band"] = one["band"];
      one["band"] =
          json_of(*std::ranges::find(summary.band->policies, result.policy, &PolicyBand::policy));
    }
    json["results"].push_back(std::move(one));
  }
  constexpr int kIndent = 2;
  return json.dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gpreempt::cli
