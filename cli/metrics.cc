#include "cli/metrics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/simulate.h"
#include "core/decision.h"
#include "core/event.h"
#include "core/policy.h"
#include "core/stats.h"
#include "core/testbed.h"
#include "core/time.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

/// A loss this much below the floor is no luck of the run: the floor was none.
constexpr double kFloorNoise = 0.02;

/// What of a request is counted, before it is summed up.
struct Samples {
  std::uint64_t requests = 0;
  std::vector<std::int64_t> latency;
  std::vector<std::int64_t> added;
  std::vector<std::int64_t> dispatch_delay;
  std::vector<std::int64_t> ttft;
  std::vector<std::int64_t> tpot;
  std::array<std::int64_t, kParts> parts{};

  /// What the limits judge.
  [[nodiscard]] const std::vector<std::int64_t>& of(SloMetric metric) const {
    switch (metric) {
      case SloMetric::kLatency: break;
      case SloMetric::kTtft: return ttft;
      case SloMetric::kTpot: return tpot;
    }
    return latency;
  }

  void append(const Samples& other) {
    requests += other.requests;
    latency.insert(latency.end(), other.latency.begin(), other.latency.end());
    added.insert(added.end(), other.added.begin(), other.added.end());
    dispatch_delay.insert(dispatch_delay.end(), other.dispatch_delay.begin(),
                          other.dispatch_delay.end());
    ttft.insert(ttft.end(), other.ttft.begin(), other.ttft.end());
    tpot.insert(tpot.end(), other.tpot.begin(), other.tpot.end());
    for (std::size_t i = 0; i < kParts; ++i) {
      parts.at(i) += other.parts.at(i);
    }
  }
};

/// Arrival to the decision to suspend that a request caused, by its index. A decision is caused by
/// the oldest request of its tenant that was not complete then; a request causes one at most.
std::map<std::size_t, Duration> detection_delays(const RunRecord& run, const TenantRecord& tenant) {
  std::map<std::size_t, Duration> delays;
  std::size_t oldest = 0;
  for (const Decision& decision : run.decisions) {
    if (decision.verdict != Verdict::kSuspend || decision.reason != Reason::kOnlineBusy ||
        decision.cause != tenant.id) {
      continue;
    }
    while (oldest < tenant.requests.size() && tenant.requests[oldest].end <= decision.at) {
      ++oldest;
    }
    if (oldest < tenant.requests.size() && tenant.requests[oldest].arrival <= decision.at) {
      delays.try_emplace(oldest, decision.at - tenant.requests[oldest].arrival);
    }
  }
  return delays;
}

/// Parts from `kIssue` to `kCopy` are the driver's phases of the same name.
constexpr DriverPhase phase_of(Part part) {
  constexpr std::array<DriverPhase, kParts> kPhases = {
      DriverPhase::kNone,    DriverPhase::kIssue, DriverPhase::kLock,
      DriverPhase::kUnmap,   DriverPhase::kSave,  DriverPhase::kMap,
      DriverPhase::kRestore, DriverPhase::kCopy,  DriverPhase::kNone};
  return kPhases.at(static_cast<std::size_t>(part));
}

void add_parts(const RequestRecord& request, Duration detect,
               std::array<std::int64_t, kParts>& parts) {
  const auto time_in = [&](DriverPhase phase) {
    return request.phases.at(static_cast<std::size_t>(phase));
  };
  const Duration idle = time_in(DriverPhase::kNone);
  const Duration detected = std::min(detect, idle);
  for (std::size_t i = 0; i < kParts; ++i) {
    const auto part = static_cast<Part>(i);
    if (part == Part::kDetect) {
      parts.at(i) += to_ns(detected);
    } else if (part == Part::kRun) {
      parts.at(i) += to_ns(idle - detected);
    } else {
      parts.at(i) += to_ns(time_in(phase_of(part)));
    }
  }
}

const TenantRecord* find_tenant(const RunRecord& run, std::string_view name) {
  const auto found = std::ranges::find(run.tenants, name, &TenantRecord::name);
  return found == run.tenants.end() ? nullptr : &*found;
}

Samples samples_of(const RunRecord& run, const TenantRecord& tenant, const RunRecord& baseline) {
  Samples samples;
  const std::map<std::size_t, Duration> delays = detection_delays(run, tenant);
  const TenantRecord* alone = find_tenant(baseline, tenant.name);
  for (std::size_t i = 0; i < tenant.requests.size(); ++i) {
    const RequestRecord& request = tenant.requests[i];
    if (request.arrival < run.start + run.warmup) {
      continue;
    }
    ++samples.requests;
    if (request.first_wave != kForever) {
      samples.dispatch_delay.push_back(to_ns(request.first_wave - request.arrival));
    }
    if (request.first_token != kForever) {
      samples.ttft.push_back(to_ns(request.first_token - request.arrival));
    }
    if (request.end == kForever) {
      continue;
    }
    if (request.tokens > 1) {
      samples.tpot.push_back(to_ns(request.end - request.first_token) / (request.tokens - 1));
    }
    const Duration latency = request.end - request.arrival;
    samples.latency.push_back(to_ns(latency));
    const auto delay = delays.find(i);
    add_parts(request, delay == delays.end() ? Duration::zero() : delay->second, samples.parts);
    if (alone != nullptr && i < alone->requests.size() && alone->requests[i].end != kForever) {
      samples.added.push_back(
          to_ns(latency - (alone->requests[i].end - alone->requests[i].arrival)));
    }
  }
  return samples;
}

/// Rounds running sums down, so that the parts sum to the mean exactly.
Decomposition decompose(const Samples& samples) {
  Decomposition result;
  result.requests = samples.latency.size();
  if (result.requests == 0) {
    return result;
  }
  const auto count = static_cast<std::int64_t>(result.requests);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < kParts; ++i) {
    const std::int64_t before = sum / count;
    sum += samples.parts.at(i);
    result.parts_ns.at(i) = sum / count - before;
  }
  result.mean_ns = sum / count;
  return result;
}

OnlineMetrics online_of(Samples samples, const SloScenario& slo) {
  OnlineMetrics metrics;
  metrics.requests = samples.requests;
  metrics.completed = samples.latency.size();
  metrics.unfinished = metrics.requests - metrics.completed;
  metrics.decomposition = decompose(samples);
  metrics.added = spread_of(std::move(samples.added));
  metrics.dispatch_delay = spread_of(std::move(samples.dispatch_delay));
  const Sample of_metric(samples.of(slo.metric));
  if (const std::optional<Quantile> judged = of_metric.quantile(slo.quantile)) {
    metrics.at_slo_quantile = judged->value;
  }
  metrics.ttft = spread_of(std::move(samples.ttft));
  metrics.tpot = spread_of(std::move(samples.tpot));
  metrics.latency = spread_of(std::move(samples.latency));
  for (const Duration limit : slo.online_latency) {
    LatencyVerdict verdict{.limit = limit, .met = std::nullopt};
    if (metrics.requests != 0) {
      verdict.met = metrics.unfinished == 0 && metrics.at_slo_quantile.has_value() &&
                    *metrics.at_slo_quantile <= to_ns(limit);
    }
    metrics.slo.push_back(verdict);
  }
  return metrics;
}

void measure_online(const RunRecord& run, const RunRecord& baseline, const SloScenario& slo,
                    PolicyMetrics& metrics) {
  Samples all;
  for (const TenantRecord& tenant : run.tenants) {
    if (tenant.cls == TenantClass::kOnline) {
      Samples samples = samples_of(run, tenant, baseline);
      all.append(samples);
      metrics.tenants.push_back(
          {.name = tenant.name, .online = online_of(std::move(samples), slo)});
    }
  }
  metrics.has_online = !metrics.tenants.empty();
  metrics.online = online_of(std::move(all), slo);
  // A tenant with few requests must not hide behind one with many.
  for (std::size_t i = 0; i < metrics.online.slo.size(); ++i) {
    for (const TenantMetrics& tenant : metrics.tenants) {
      if (tenant.online.slo.at(i).met == false) {
        metrics.online.slo.at(i).met = false;
      }
    }
  }
}

Duration work_in_window(const TenantRecord& tenant) {
  return tenant.at_duration.work - tenant.at_warmup.work;
}

bool is_on(const TenantRecord& tenant, std::uint32_t gpu) {
  return std::ranges::find(tenant.gpus, gpu) != tenant.gpus.end();
}

/// Work of a baseline's tenants on `gpu` within the window; of a gang, a rank's share.
Duration work_on(const RunRecord& baseline, std::uint32_t gpu) {
  Duration work{};
  for (const TenantRecord& tenant : baseline.tenants) {
    if (is_on(tenant, gpu)) {
      work += work_in_window(tenant) / static_cast<std::int64_t>(tenant.gpus.size());
    }
  }
  return work;
}

bool is_endless_on(const RunRecord& baseline, std::uint32_t gpu) {
  return std::ranges::any_of(baseline.tenants, [gpu](const TenantRecord& tenant) {
    return is_on(tenant, gpu) && tenant.endless;
  });
}

/// Share of its work that Offline on `gpu` loses to Online if preemption takes no time. Work
/// without end loses Online's share of the window; work that arrives loses what no longer fits in
/// it.
double floor_on(const Baselines& baselines, std::uint32_t gpu, Duration window) {
  using Seconds = std::chrono::duration<double>;
  const Seconds online = work_on(baselines.online, gpu);
  if (is_endless_on(baselines.offline, gpu)) {
    return online / Seconds(window);
  }
  const Seconds offline = work_on(baselines.offline, gpu);
  const Seconds excess = std::clamp(online + offline - Seconds(window), Seconds(0), offline);
  return offline > Seconds(0) ? excess / offline : 0;
}

/// The same for a tenant: a rank without its GPU holds up all others if they wait for it. (A lower
/// bound there: Online tenants of several GPUs may work at different times.)
double floor_share(const Baselines& baselines, const TenantRecord& tenant, Duration window) {
  double sum = 0;
  double most = 0;
  for (const std::uint32_t gpu : tenant.gpus) {
    const double share = floor_on(baselines, gpu, window);
    sum += share;
    most = std::max(most, share);
  }
  return tenant.coupled ? most : sum / static_cast<double>(tenant.gpus.size());
}

/// Adds the steps that a tenant with arrivals completed within the window.
void count_requests(const TenantRecord& tenant, std::optional<std::uint64_t>& completed) {
  if (!tenant.endless) {
    completed = completed.value_or(0) + tenant.at_duration.requests_completed -
                tenant.at_warmup.requests_completed;
  }
}

std::optional<OfflineMetrics> measure_offline(const RunRecord& run, const Baselines& baselines,
                                              const SloScenario& slo) {
  OfflineMetrics metrics;
  bool any = false;
  double floor_work = 0;
  for (const TenantRecord& tenant : run.tenants) {
    if (tenant.cls != TenantClass::kOffline) {
      continue;
    }
    any = true;
    metrics.work += work_in_window(tenant);
    metrics.kernels += tenant.at_duration.kernels - tenant.at_warmup.kernels;
    count_requests(tenant, metrics.requests_completed);
    if (const TenantRecord* alone = find_tenant(baselines.offline, tenant.name)) {
      const Duration work = work_in_window(*alone);
      metrics.baseline_work += work;
      metrics.baseline_kernels += alone->at_duration.kernels - alone->at_warmup.kernels;
      count_requests(*alone, metrics.baseline_requests_completed);
      floor_work += std::chrono::duration<double>(work).count() *
                    floor_share(baselines, tenant, run.duration - run.warmup);
    }
  }
  if (!any) {
    return std::nullopt;
  }
  if (metrics.baseline_work > Duration::zero()) {
    const double alone = std::chrono::duration<double>(metrics.baseline_work).count();
    metrics.loss = 1 - std::chrono::duration<double>(metrics.work).count() / alone;
    metrics.loss_floor = floor_work / alone;
    metrics.overhead = *metrics.loss - *metrics.loss_floor;
    for (const double limit : slo.offline_loss) {
      metrics.verdicts.push_back({.limit = limit,
                                  .met = *metrics.overhead < -kFloorNoise
                                             ? std::nullopt
                                             : std::optional(*metrics.overhead <= limit)});
    }
  }
  return metrics;
}

PreemptionMetrics measure_preemptions(const RunRecord& run) {
  PreemptionMetrics metrics;
  metrics.suspends = run.take_offs;
  metrics.resumes = run.give_backs;
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> steady;
  std::uint64_t saved = 0;
  for (const DriverCall& call : run.calls) {
    if (call.kind == ControlKind::kSuspend) {
      (call.first_of_process ? first : steady).push_back(to_ns(call.done - call.called));
      saved += call.saved_bytes;
    }
  }
  if (const std::uint64_t suspends = first.size() + steady.size(); suspends != 0) {
    metrics.saved_bytes_mean = saved / suspends;
  }
  metrics.first = spread_of(std::move(first));
  metrics.steady = spread_of(std::move(steady));
  for (const TenantRecord& tenant : run.tenants) {
    if (tenant.cls == TenantClass::kOnline) {
      metrics.bystander += tenant.at_end.bystander - tenant.at_start.bystander;
    }
  }
  if (const std::uint64_t calls = metrics.suspends + metrics.resumes; calls != 0) {
    metrics.bystander_per_call = metrics.bystander / static_cast<std::int64_t>(calls);
  }
  return metrics;
}

}  // namespace

std::string_view to_string(Part part) {
  switch (part) {
    case Part::kDetect: return "detect";
    case Part::kIssue: return "issue";
    case Part::kLock: return "lock";
    case Part::kUnmap: return "unmap";
    case Part::kSave: return "save";
    case Part::kMap: return "map";
    case Part::kRestore: return "restore";
    case Part::kCopy: return "copy";
    case Part::kRun: return "run";
  }
  return "?";
}

Spread spread_of(std::vector<std::int64_t> samples) {
  const Sample sample(std::move(samples));
  Spread spread;
  if (const std::optional<Summary> summary = sample.summary()) {
    spread.count = summary->count;
    spread.max = summary->max;
    spread.mean = summary->mean;
    spread.sd = summary->count < 2 ? std::nullopt : std::optional(summary->sd);
    spread.p50 = sample.quantile(0.50);
    spread.p95 = sample.quantile(0.95);
    spread.p99 = sample.quantile(0.99);
  }
  return spread;
}

PolicyMetrics measure(const RunRecord& run, const Baselines& baselines, const SloScenario& slo) {
  PolicyMetrics metrics{.policy = run.policy, .start = run.start};
  measure_online(run, baselines.online, slo, metrics);
  metrics.offline = measure_offline(run, baselines, slo);
  metrics.preemptions = measure_preemptions(run);
  metrics.decisions = run.decisions.size();
  metrics.refusals = run.refusals;
  metrics.leases_expired = run.leases_expired;
  metrics.simulated_s = std::chrono::duration<double>(run.end.time_since_epoch()).count();
  metrics.wall_s = run.wall_s;
  metrics.engine_events = run.engine_events;
  return metrics;
}

}  // namespace gpreempt::cli
