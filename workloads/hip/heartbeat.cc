#include "workloads/hip/heartbeat.h"

#include <algorithm>
#include <cstddef>
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

/// Mean time between beats where there is no gap; `gaps` took `off` together.
Duration period_of(const HeartbeatLog& log, const ClockFit& clock, std::size_t gaps, Duration off) {
  const auto intervals = static_cast<std::int64_t>(log.beats) - 1 - static_cast<std::int64_t>(gaps);
  const Duration watched = clock.at(log.last_ticks) - clock.at(log.first_ticks);
  return intervals > 0 ? (watched - off) / intervals : Duration{};
}

Duration less_periods(Duration off, std::size_t gaps, Duration period) {
  return std::max(off - static_cast<std::int64_t>(gaps) * period, Duration{});
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
  summary.period = period_of(log, clock, log.gaps.size(), off);
  summary.bystander = less_periods(off, log.gaps.size(), summary.period);
  summary.longest = std::max(summary.longest - summary.period, Duration{});
  return summary;
}

void BystanderTime::add(const HeartbeatLog& fresh, const ClockFit& clock) {
  if (fresh.gaps.empty()) {
    return;
  }
  for (const HeartbeatGap& gap : fresh.gaps) {
    off_ += clock.at(gap.to_ticks) - clock.at(gap.from_ticks);
  }
  gaps_ += fresh.gaps.size();
  total_ = less_periods(off_, gaps_, period_of(fresh, clock, gaps_, off_));
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
