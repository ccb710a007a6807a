#include "cli/study_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "core/units.h"
#include "study/analysis.h"
#include "study/analysis/conclusions.h"
#include "study/study_file.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

constexpr std::string_view kUnfinished = "online.unfinished";

/// Where a result has what the limits judge; nullopt if it does not report that quantile.
std::optional<std::string> judged_metric(const SloScenario& slo) {
  const double percent = 100 * slo.quantile;
  for (const int reported : {50, 95, 99}) {
    constexpr double kRounding = 1e-9;
    if (std::abs(percent - reported) < kRounding) {
      return fmt::format("online.{}_ns.p{}", to_string(slo.metric), reported);
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_given(std::string_view factor) {
  const auto has = [&](std::string_view part) {
    return factor.find(part) != std::string_view::npos;
  };
  return factor.starts_with("run.") || has(".arrivals.") || has(".request.") || has(".step.");
}

study::AnalysisRequest analysis_request(const study::StudyFile& study, const SloScenario& slo) {
  study::AnalysisRequest request;
  request.name = study.name;
  request.question = study.question;
  request.quick = study.is_quick;
  request.paired = study.repeat.paired;
  if (study.repeat.until) {
    request.confidence = study.repeat.until->confidence;
  }
  for (const study::FactorSpec& factor : study.factors) {
    if (is_given(factor.path)) {
      request.given.push_back(factor.path);
    }
  }
  const std::optional<std::string> judged = judged_metric(slo);
  request.latency_metric = judged.value_or("");
  if (judged) {
    for (const Duration limit : slo.online_latency) {
      request.limits.push_back({.metric = *judged,
                                .at_most = static_cast<double>(to_ns(limit)),
                                .label = format_duration(limit),
                                .is_required = false});
    }
  }
  for (const double limit : slo.offline_loss) {
    request.limits.push_back({.metric = request.price_metric,
                              .at_most = limit,
                              .label = fmt::format("{:g} %", 100 * limit),
                              .is_required = false});
  }
  request.limits.push_back(
      {.metric = std::string(kUnfinished), .at_most = 0, .label = "none", .is_required = true});
  return request;
}

}  // namespace gpreempt::cli
