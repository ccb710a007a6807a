#include "cli/request_verdict.h"

#include <algorithm>
#include <set>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/recorded_run.h"
#include "core/decision.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::cli {

std::string_view to_string(RequestVerdict verdict) {
  switch (verdict) {
    case RequestVerdict::kNotPreempted: return "not-preempted";
    case RequestVerdict::kPreempted: return "preempted";
    case RequestVerdict::kFoundOff: return "found-off";
  }
  return "unknown";
}

OffTimes::OffTimes(std::span<const Decision> decisions) {
  for (const Decision& decision : decisions) {
    std::vector<Interval>& off = members_[{decision.gpu, decision.target}];
    const bool is_off = !off.empty() && off.back().to == kForever;
    if (decision.verdict == Verdict::kRun) {
      if (is_off) {
        off.back().to = decision.at;
      }
    } else if (!is_off && decision.reason != Reason::kOutranked) {
      off.push_back({.from = decision.at});
    }
  }
}

RequestVerdict OffTimes::verdict(const RequestRecord& request, std::span<const GpuId> gpus) const {
  bool found_off = false;
  for (const auto& [member, off] : members_) {
    if (std::ranges::find(gpus, member.first) == gpus.end()) {
      continue;
    }
    // The first one that is not over at the arrival.
    for (auto each = std::ranges::upper_bound(off, request.arrival, {}, &Interval::to);
         each != off.end() && each->from < request.end; ++each) {
      if (each->from >= request.arrival) {
        return RequestVerdict::kPreempted;
      }
      found_off = true;
    }
  }
  return found_off ? RequestVerdict::kFoundOff : RequestVerdict::kNotPreempted;
}

std::vector<GpuId> gpus_of(const RecordedRun& run, const TenantSpec& tenant) {
  std::set<GpuId> gpus;
  for (const RecordedStep& step : run.steps) {
    const auto* const born =
        step.event == nullptr ? nullptr : std::get_if<QueueBorn>(&step.event->what);
    if (born != nullptr &&
        std::ranges::find(tenant.targets, born->queue.target) != tenant.targets.end()) {
      gpus.insert(born->queue.gpu);
    }
  }
  return {gpus.begin(), gpus.end()};
}

}  // namespace gpreempt::cli
