#include "cli/gang_metrics.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/gang_watch.h"
#include "cli/metrics.h"
#include "cli/report_text.h"
#include "cli/simulate.h"
#include "cli/summary.h"
#include "cli/table.h"
#include "core/stats.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

std::string time_of(const std::optional<Quantile>& quantile) {
  return quantile ? human_time(Duration(quantile->value)) : "-";
}

}  // namespace

std::vector<GangMetrics> measure_gangs(const RunRecord& run) {
  std::vector<GangMetrics> gangs;
  for (const TenantRecord& tenant : run.tenants) {
    if (tenant.gpus.size() < 2) {
      continue;
    }
    GangMetrics& gang = gangs.emplace_back();
    gang.name = tenant.name;
    gang.ranks = static_cast<std::uint32_t>(tenant.gpus.size());
    gang.wait = tenant.at_end.collective_wait - tenant.at_start.collective_wait;
    gang.aborted = tenant.at_end.aborted;
    std::vector<std::int64_t> off;
    std::vector<std::int64_t> apart;
    for (const GangTakeOff& each : run.take_offs_by_tenant) {
      if (each.tenant != tenant.id) {
        continue;
      }
      if (each.complete()) {
        off.push_back(to_ns(each.last_off - each.decided));
        apart.push_back(to_ns(each.last_off - each.first_off));
      } else {
        ++gang.incomplete;
      }
    }
    gang.off = spread_of(std::move(off));
    gang.apart = spread_of(std::move(apart));
  }
  return gangs;
}

std::string gang_block(const RunSummary& summary) {
  Table table({"policy", "tenant", "ranks", "taken off", "in part", "off p50", "p99", "max",
               "apart p50", "p99", "waiting", "aborted"});
  for (const PolicyMetrics& result : summary.results) {
    for (const GangMetrics& gang : result.gangs) {
      table.add_row({result.policy, gang.name, fmt::format("{}", gang.ranks),
                     fmt::format("{}", gang.off.count), fmt::format("{}", gang.incomplete),
                     time_of(gang.off.p50), time_of(gang.off.p99),
                     gang.off.max ? human_time(Duration(*gang.off.max)) : "-",
                     time_of(gang.apart.p50), time_of(gang.apart.p99), human_time(gang.wait),
                     gang.aborted ? "YES" : "no"});
    }
  }
  return table.empty() ? std::string{} : table.render(kTableIndent);
}

}  // namespace gpreempt::cli
