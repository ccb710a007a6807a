#include "workloads/scenario.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "core/time.h"
#include "core/units.h"

namespace gpreempt {

std::string to_string(const Detection& detection) {
  switch (detection.kind) {
    case DetectionKind::kHint: return "hint:" + format_duration(detection.value);
    case DetectionKind::kPoll: return "poll:" + format_duration(detection.value);
    case DetectionKind::kOracle: return "oracle";
  }
  return "invalid";
}

std::string_view to_string(SloMetric metric) {
  switch (metric) {
    case SloMetric::kLatency: return "latency";
    case SloMetric::kTtft: return "ttft";
    case SloMetric::kTpot: return "tpot";
  }
  return "invalid";
}

std::string_view detection_note(const Detection& detection) {
  const bool ideal = detection.kind == DetectionKind::kHint && detection.value == Duration::zero();
  return ideal ? "ideal: no delay" : "";
}

std::string policy_with_options(const SchedulerScenario& scheduler, const std::string& policy) {
  const auto found = scheduler.options.find(policy);
  if (found == scheduler.options.end()) {
    return policy;
  }
  std::string text = policy;
  char separator = ':';
  for (const auto& [key, value] : found->second) {
    text += fmt::format("{}{}={}", separator, key, value);
    separator = ',';
  }
  return text;
}

}  // namespace gpreempt
