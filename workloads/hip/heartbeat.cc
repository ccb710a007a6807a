#include "workloads/hip/heartbeat.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/stats.h"
#include "core/testbed.h"
#include "core/time.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/heartbeat_log.h"

namespace gpreempt::hip {
namespace {

constexpr double kMedian = 0.5;
constexpr double kTail = 0.99;

RequestTimes times_of(const std::vector<const RequestRecord*>& requests) {
  std::vector<std::int64_t> delays;
  std::vector<std::int64_t> latencies;
  for (const RequestRecord* const request : requests) {
    latencies.push_back(to_ns(request->end - request->arrival));
    if (request->first_wave != kForever) {
      delays.push_back(to_ns(request->first_wave - request->arrival));
    }
  }
  const Sample delay(std::move(delays));
  const Sample latency(std::move(latencies));
  return {.requests = requests.size(),
          .dispatch_delay_p50 = delay.quantile(kMedian),
          .dispatch_delay_p99 = delay.quantile(kTail),
          .latency_p50 = latency.quantile(kMedian),
          .latency_p99 = latency.quantile(kTail)};
}

}  // namespace

HeartbeatSummary summarise(const HeartbeatLog& log, const ClockFit& clock) {
  HeartbeatSummary summary{.beats = log.beats, .not_kept = log.gaps_seen - log.gaps.size()};
  if (log.beats == 0) {
    return summary;
  }
  summary.first = clock.at(log.first_ticks);
  summary.last = clock.at(log.last_ticks);
  Duration off{};
  for (const HeartbeatGap& gap : log.gaps) {
    const Absence& absence = summary.absences.emplace_back(
        Absence{.from = clock.at(gap.from_ticks), .to = clock.at(gap.to_ticks)});
    off += absence.to - absence.from;
    summary.longest = std::max(summary.longest, absence.to - absence.from);
  }
  const auto gaps = static_cast<std::int64_t>(log.gaps.size());
  const std::int64_t intervals = static_cast<std::int64_t>(log.beats) - 1 - gaps;
  summary.period = intervals > 0 ? (summary.last - summary.first - off) / intervals : Duration{};
  summary.bystander = std::max(off - gaps * summary.period, Duration{});
  summary.longest = std::max(summary.longest - summary.period, Duration{});
  return summary;
}

HeartbeatEffect effect_of(std::span<const RequestRecord> requests,
                          std::span<const HeartbeatWindow> windows) {
  std::vector<const RequestRecord*> with;
  std::vector<const RequestRecord*> without;
  for (const RequestRecord& request : requests) {
    if (request.end == kForever) {
      continue;
    }
    const bool inside = std::ranges::any_of(windows, [&](const HeartbeatWindow& window) {
      return window.from <= request.arrival && request.end <= window.to;
    });
    const bool apart = std::ranges::all_of(windows, [&](const HeartbeatWindow& window) {
      return request.end < window.from || window.to < request.arrival;
    });
    if (inside) {
      with.push_back(&request);
    } else if (apart) {
      without.push_back(&request);
    }
  }
  return {.with = times_of(with), .without = times_of(without)};
}

}  // namespace gpreempt::hip
