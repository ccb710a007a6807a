#include "cli/study_request.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"
#include "core/units.h"
#include "study/analysis.h"
#include "study/study_file.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

constexpr std::string_view kUnfinished = "online.unfinished";

/// Where a result has what the limits judge; "" if it does not report that quantile.
std::string judged_metric(const SloScenario& slo) {
  const double percent = 100 * slo.quantile;
  for (const int reported : {50, 95, 99}) {
    constexpr double kRounding = 1e-9;
    if (std::abs(percent - reported) < kRounding) {
      return fmt::format("online.{}_ns.p{}", to_string(slo.metric), reported);
    }
  }
  return "";
}

}  // namespace

bool is_given(const study::FactorSpec& factor) {
  const std::string_view path = factor.path;
  const auto has = [&](std::string_view part) { return path.find(part) != std::string_view::npos; };
  // A prior's levels are averaged over; those that are written are machines to be compared.
  const bool is_machine = path.starts_with("model.") && !factor.levels.empty();
  return is_machine || path.starts_with("run.") || has(".arrivals.") || has(".request.") ||
         has(".step.");
}

StudyLimits study_limits(const SloScenario& slo) {
  StudyLimits limits{.latency_metric = judged_metric(slo), .latency = {}, .loss = slo.offline_loss};
  for (const Duration limit : slo.online_latency) {
    if (!limits.latency_metric.empty()) {
      limits.latency.push_back(to_ns(limit));
    }
  }
  return limits;
}

study::AnalysisRequest analysis_request(const study::StudyFile& study, const StudyLimits& limits) {
  study::AnalysisRequest request;
  request.name = study.name;
  request.question = study.question;
  request.quick = study.is_quick;
  request.paired = study.repeat.paired;
  if (study.repeat.until) {
    request.confidence = study.repeat.until->confidence;
  }
  for (const study::FactorSpec& factor : study.factors) {
    if (is_given(factor)) {
      request.given.push_back(factor.path);
    }
  }
  request.latency_metric = limits.latency_metric;
  const auto bound = [&](std::string metric, double at_most, std::string label, bool required) {
    request.limits.push_back({.metric = std::move(metric),
                              .at_most = at_most,
                              .label = std::move(label),
                              .is_required = required});
  };
  for (const std::int64_t limit : limits.latency) {
    bound(limits.latency_metric, static_cast<double>(limit), format_duration(Duration(limit)),
          false);
  }
  for (const double limit : limits.loss) {
    bound(request.price_metric, limit, fmt::format("{:g} %", 100 * limit), false);
  }
  bound(std::string(kUnfinished), 0, "none", true);
  return request;
}

}  // namespace gpreempt::cli
