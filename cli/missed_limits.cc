#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "cli/metrics.h"
#include "core/units.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

std::string latency_miss(const TenantMetrics& tenant, const SloScenario& slo) {
  const OnlineMetrics& online = tenant.online;
  const std::string limit = format_duration(slo.online_latency.front());
  if (online.requests == 0) {
    return fmt::format("no request of {} was counted, so its limit of {} cannot be judged",
                       tenant.name, limit);
  }
  if (online.unfinished != 0) {
    return fmt::format("{} requests of {} are unfinished; any one misses the limit of {}",
                       online.unfinished, tenant.name, limit);
  }
  if (!online.at_slo_quantile) {
    return fmt::format("no request of {} has a {}, so its limit of {} cannot be judged",
                       tenant.name, to_string(slo.metric), limit);
  }
  return fmt::format("{} of {} at quantile {:g} is {}; the limit is {}", to_string(slo.metric),
                     tenant.name, slo.quantile,
                     format_duration(Duration(online.at_slo_quantile.value_or(0))), limit);
}

}  // namespace

std::vector<std::string> missed_limits(const PolicyMetrics& metrics, const SloScenario& slo) {
  std::vector<std::string> missed;
  if (metrics.refusals != 0) {
    missed.push_back(
        fmt::format("policy {}: the backend refused {} requests of the scheduler, so the policy "
                    "was not carried out",
                    metrics.policy, metrics.refusals));
  }
  for (const GangMetrics& gang : metrics.gangs) {
    if (gang.aborted) {
      missed.push_back(fmt::format("policy {}: a collective of {} timed out, which ended the job",
                                   metrics.policy, gang.name));
    }
  }
  for (const TenantMetrics& tenant : metrics.tenants) {
    if (!tenant.online.slo.empty() && tenant.online.slo.front().met != true) {
      missed.push_back(fmt::format("policy {}: {}", metrics.policy, latency_miss(tenant, slo)));
    }
  }
  if (metrics.offline && !slo.offline_loss.empty()) {
    const double limit = slo.offline_loss.front();
    if (!metrics.offline->overhead) {
      missed.push_back(
          fmt::format("policy {}: Offline alone did no work, so its loss cannot be "
                      "judged",
                      metrics.policy));
    } else if (*metrics.offline->overhead > limit) {
      missed.push_back(
          fmt::format("policy {}: Offline overhead loss is {:.2f} %; the limit is "
                      "{:g} %",
                      metrics.policy, 100 * *metrics.offline->overhead, 100 * limit));
    }
  }
  return missed;
}

}  // namespace gpreempt::cli
