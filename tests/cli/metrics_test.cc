// Goal: every reported number follows from the records by its definition. The records are made by
// hand, and so are the expected numbers.
#include "cli/metrics.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/simulate.h"
#include "core/decision.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/stats.h"
#include "core/testbed.h"
#include "core/time.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1)};

/// A request that waited `lock` for the dqm lock and otherwise ran.
RequestRecord request(std::uint64_t index, milliseconds at, milliseconds latency,
                      milliseconds lock = {}) {
  RequestRecord record;
  record.request = index;
  record.arrival = kStart + at;
  record.first_wave = kStart + at + lock;
  record.end = kStart + at + latency;
  record.phases.at(static_cast<std::size_t>(DriverPhase::kLock)) = lock;
  record.phases.at(static_cast<std::size_t>(DriverPhase::kNone)) = latency - lock;
  return record;
}

TenantRecord online(std::vector<RequestRecord> requests, seconds work = {}) {
  TenantRecord tenant;
  tenant.name = "serve";
  tenant.cls = TenantClass::kOnline;
  tenant.id = TenantId(7);
  tenant.requests = std::move(requests);
  tenant.at_duration.work = work;
  return tenant;
}

TenantRecord offline(seconds at_warmup, seconds at_duration) {
  TenantRecord tenant;
  tenant.name = "train";
  tenant.at_warmup = {.work = at_warmup, .kernels = 10};
  tenant.at_duration = {.work = at_duration, .kernels = 110};
  return tenant;
}

RunRecord run_of(std::vector<TenantRecord> tenants) {
  RunRecord run;
  run.policy = "suspend";
  run.start = kStart;
  run.duration = seconds(10);
  run.tenants = std::move(tenants);
  return run;
}

SloScenario limits() {
  return {.quantile = 0.99,
          .online_latency = {milliseconds(50), milliseconds(10)},
          .offline_loss = {0.20, 0.05}};
}

OfflineMetrics offline_of(const PolicyMetrics& metrics) {
  EXPECT_TRUE(metrics.offline.has_value());
  return metrics.offline.value_or(OfflineMetrics{});
}

/// -1 without samples.
std::int64_t value(const std::optional<Quantile>& quantile) {
  return quantile ? quantile->value : -1;
}

std::int64_t ms(std::int64_t value) { return to_ns(milliseconds(value)); }

TEST(OnlineMetrics, RequestsBeforeTheWarmUpAreNotCounted) {
  RunRecord run = run_of({online({request(0, milliseconds(999), milliseconds(900)),
                                  request(1, milliseconds(1000), milliseconds(5))})});
  run.warmup = seconds(1);
  const PolicyMetrics metrics = measure(run, {}, limits());
  EXPECT_EQ(metrics.online.requests, 1U);
  EXPECT_EQ(metrics.online.latency.max, ms(5));
}

TEST(OnlineMetrics, PercentilesAreOrderStatistics) {
  std::vector<RequestRecord> requests;
  requests.reserve(100);
  for (int i = 1; i <= 100; ++i) {
    requests.push_back(
        request(static_cast<std::uint64_t>(i - 1), milliseconds(i), milliseconds(i)));
  }
  const PolicyMetrics metrics = measure(run_of({online(requests)}), {}, limits());
  EXPECT_EQ(value(metrics.online.latency.p50), ms(50));
  EXPECT_EQ(value(metrics.online.latency.p95), ms(95));
  EXPECT_EQ(value(metrics.online.latency.p99), ms(99));
  EXPECT_EQ(metrics.online.latency.max, ms(100));
}

TEST(OnlineMetrics, AddedLatencyIsPerRequestAndMayBeNegative) {
  const RunRecord run = run_of({online({request(0, milliseconds(0), milliseconds(9)),
                                        request(1, milliseconds(100), milliseconds(4))})});
  Baselines baselines;
  baselines.online = run_of({online({request(0, milliseconds(0), milliseconds(5)),
                                     request(1, milliseconds(100), milliseconds(6))})});
  const PolicyMetrics metrics = measure(run, baselines, limits());
  EXPECT_EQ(metrics.online.added.count, 2U);
  EXPECT_EQ(value(metrics.online.added.p50), ms(-2));
  EXPECT_EQ(metrics.online.added.max, ms(4));
}

TEST(OnlineMetrics, AnUnfinishedRequestMissesEveryLimit) {
  RequestRecord open = request(1, milliseconds(10), milliseconds(5));
  open.end = kForever;
  const PolicyMetrics metrics =
      measure(run_of({online({request(0, milliseconds(0), milliseconds(1)), open})}), {}, limits());
  EXPECT_EQ(metrics.online.requests, 2U);
  EXPECT_EQ(metrics.online.completed, 1U);
  EXPECT_EQ(metrics.online.unfinished, 1U);
  EXPECT_EQ(metrics.online.slo.at(0).met, false);
  EXPECT_EQ(metrics.online.slo.at(1).met, false);
  EXPECT_EQ(missed_limits(metrics, limits()).size(), 1U);
}

TEST(OnlineMetrics, ALimitIsMetUpToItself) {
  const PolicyMetrics metrics =
      measure(run_of({online({request(0, milliseconds(0), milliseconds(50))})}), {}, limits());
  EXPECT_EQ(metrics.online.slo.at(0).met, true);
  EXPECT_EQ(metrics.online.slo.at(1).met, false);
  EXPECT_TRUE(missed_limits(metrics, limits()).empty());
}

TEST(OnlineMetrics, NoRequestIsNoVerdictAndFailsTheGate) {
  const PolicyMetrics metrics = measure(run_of({online({})}), {}, limits());
  EXPECT_FALSE(metrics.online.slo.at(0).met);
  EXPECT_FALSE(metrics.online.latency.p99);
  EXPECT_FALSE(metrics.online.latency.max);
  EXPECT_EQ(missed_limits(metrics, limits()).size(), 1U);
}

TEST(OnlineMetrics, ARefusalOfTheBackendFailsTheGate) {
  RunRecord run = run_of({online({request(0, milliseconds(0), milliseconds(5))})});
  run.refusals = 3;
  const std::vector<std::string> missed = missed_limits(measure(run, {}, limits()), limits());
  ASSERT_EQ(missed.size(), 1U);
  EXPECT_NE(missed.front().find("refused 3 requests"), std::string::npos) << missed.front();
}

TEST(OnlineMetrics, ATenantCannotHideBehindAnother) {
  std::vector<RequestRecord> many;
  many.reserve(1000);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    many.push_back(request(i, milliseconds(i), milliseconds(1)));
  }
  TenantRecord rare = online({request(0, milliseconds(0), milliseconds(500))});
  rare.name = "rare";
  rare.id = TenantId(8);
  const PolicyMetrics metrics = measure(run_of({online(many), rare}), {}, limits());
  EXPECT_EQ(value(metrics.online.latency.p99), ms(1));
  EXPECT_EQ(metrics.online.slo.at(0).met, false);
  ASSERT_EQ(metrics.tenants.size(), 2U);
  EXPECT_EQ(metrics.tenants.at(0).online.slo.at(0).met, true);
  EXPECT_EQ(missed_limits(metrics, limits()).size(), 1U);
}

TEST(OnlineMetrics, DispatchDelayIsArrivalToFirstWave) {
  const PolicyMetrics metrics =
      measure(run_of({online({request(0, milliseconds(0), milliseconds(9), milliseconds(3))})}), {},
              limits());
  EXPECT_EQ(value(metrics.online.dispatch_delay.p50), ms(3));
}

TEST(Decomposition, DetectionEndsWithTheDecisionThatTheRequestCaused) {
  RunRecord run = run_of({online({request(0, milliseconds(0), milliseconds(10), milliseconds(2)),
                                  request(1, milliseconds(5), milliseconds(20))})});
  // Both are open: the older one caused it. The second decision finds the younger one alone.
  for (const int at : {1, 11}) {
    run.decisions.push_back({.at = kStart + milliseconds(at),
                             .verdict = Verdict::kSuspend,
                             .reason = Reason::kOnlineBusy,
                             .cause = TenantId(7)});
  }
  const Decomposition parts = measure(run, {}, limits()).online.decomposition;
  const auto part = [&](Part which) { return parts.parts_ns.at(static_cast<std::size_t>(which)); };
  EXPECT_EQ(parts.mean_ns, ms(15));
  EXPECT_EQ(part(Part::kDetect), to_ns(std::chrono::microseconds(3500)));  // (1 + 6) / 2
  EXPECT_EQ(part(Part::kLock), ms(1));                                     // (2 + 0) / 2
  EXPECT_EQ(part(Part::kRun), to_ns(std::chrono::microseconds(10500)));    // (7 + 14) / 2
}

TEST(Decomposition, DecisionsOfOthersDetectNothing) {
  RunRecord run = run_of({online({request(0, milliseconds(0), milliseconds(10))})});
  run.decisions = {{.at = kStart + milliseconds(1),
                    .verdict = Verdict::kSuspend,
                    .reason = Reason::kOnlineBusy,
                    .cause = TenantId(9)},
                   {.at = kStart + milliseconds(2), .verdict = Verdict::kRun}};
  const Decomposition parts = measure(run, {}, limits()).online.decomposition;
  EXPECT_EQ(parts.parts_ns.at(static_cast<std::size_t>(Part::kDetect)), 0);
}

TEST(Decomposition, PartsSumToTheMeanWhateverTheRounding) {
  std::vector<RequestRecord> requests;
  for (std::uint64_t i = 0; i < 3; ++i) {
    RequestRecord record = request(i, milliseconds(i), milliseconds(0));
    Duration sum{};
    for (std::size_t phase = 0; phase < kDriverPhases; ++phase) {
      record.phases.at(phase) = Duration(static_cast<std::int64_t>(phase * 7 + i * 11 + 1));
      sum += record.phases.at(phase);
    }
    record.end = record.arrival + sum;
    requests.push_back(record);
  }
  const Decomposition parts =
      measure(run_of({online(requests)}), {}, limits()).online.decomposition;
  EXPECT_EQ(std::accumulate(parts.parts_ns.begin(), parts.parts_ns.end(), std::int64_t{0}),
            parts.mean_ns);
  EXPECT_EQ(parts.mean_ns, 292);  // 8 phases: sum of 7 p + 11 i + 1 = 204 + 88 i, mean at i = 1
}

TEST(OfflineMetrics, LossFloorAndOverheadFollowTheirDefinitions) {
  // 10 s window; alone 8 s of work, with Online 5 s; Online alone needs 2.5 s of the window.
  const RunRecord run = run_of({online({}), offline(seconds(1), seconds(6))});
  Baselines baselines;
  baselines.online = run_of({online({})});
  baselines.online.tenants.at(0).at_duration.work = milliseconds(2500);
  baselines.offline = run_of({offline(seconds(1), seconds(9))});
  const PolicyMetrics metrics = measure(run, baselines, limits());
  EXPECT_EQ(offline_of(metrics).work, seconds(5));
  EXPECT_EQ(offline_of(metrics).kernels, 100U);
  EXPECT_DOUBLE_EQ(offline_of(metrics).loss.value_or(-1), 0.375);
  EXPECT_DOUBLE_EQ(offline_of(metrics).loss_floor.value_or(-1), 0.25);
  EXPECT_DOUBLE_EQ(offline_of(metrics).overhead.value_or(-1), 0.125);
  EXPECT_EQ(offline_of(metrics).verdicts.at(0).met, true);
  EXPECT_EQ(offline_of(metrics).verdicts.at(1).met, false);
}

TEST(OfflineMetrics, LossClearlyBelowTheFloorIsNotJudged) {
  // Of 8 s alone, with Online alone at a quarter of the time: 6 s would be left.
  const auto verdict_of = [](milliseconds work) {
    Baselines baselines;
    baselines.online = run_of({online({}, seconds(0))});
    baselines.online.tenants.at(0).at_duration.work = milliseconds(2500);
    baselines.offline = run_of({offline(seconds(0), seconds(8))});
    RunRecord run = run_of({online({}), offline(seconds(0), seconds(0))});
    run.tenants.at(1).at_duration.work = work;
    const SloScenario slo{.online_latency = {}, .offline_loss = {0.20}};
    const PolicyMetrics metrics = measure(run, baselines, slo);
    EXPECT_TRUE(missed_limits(metrics, slo).empty());
    return offline_of(metrics).verdicts.at(0).met;
  };
  EXPECT_EQ(verdict_of(milliseconds(6000)), true);
  EXPECT_EQ(verdict_of(milliseconds(6080)), true);          // 1 % more than the floor leaves
  EXPECT_EQ(verdict_of(milliseconds(6400)), std::nullopt);  // 5 %
}

TEST(OfflineMetrics, OnlineOfAnotherGpuRaisesNoFloor) {
  TenantRecord elsewhere = online({});
  elsewhere.gpus = {1};
  elsewhere.at_duration.work = seconds(5);
  Baselines baselines;
  baselines.online = run_of({elsewhere});
  baselines.offline = run_of({offline(seconds(0), seconds(8))});
  const PolicyMetrics metrics =
      measure(run_of({elsewhere, offline(seconds(0), seconds(8))}), baselines, limits());
  EXPECT_DOUBLE_EQ(offline_of(metrics).loss_floor.value_or(-1), 0);
  EXPECT_DOUBLE_EQ(offline_of(metrics).overhead.value_or(-1), 0);
}

TEST(OfflineMetrics, ABaselineWithoutWorkGivesNoLossAndFailsTheGate) {
  Baselines baselines;
  baselines.offline = run_of({offline(seconds(0), seconds(0))});
  const PolicyMetrics metrics =
      measure(run_of({offline(seconds(0), seconds(0))}), baselines, limits());
  EXPECT_FALSE(offline_of(metrics).loss);
  EXPECT_EQ(missed_limits(metrics, limits()).size(), 1U);
}

TEST(OfflineMetrics, NoOfflineTenantIsNoMetrics) {
  EXPECT_FALSE(measure(run_of({online({})}), {}, limits()).offline);
}

TEST(PreemptionMetrics, FirstAndSteadySuspendsAreApart) {
  RunRecord run = run_of({online({})});
  run.tenants.at(0).at_end.bystander = milliseconds(9);
  run.take_offs = 2;
  run.give_backs = 1;
  const auto call = [&](ControlKind kind, milliseconds took, bool first) {
    run.calls.push_back({.kind = kind,
                         .called = kStart,
                         .done = kStart + took,
                         .saved_bytes = kind == ControlKind::kSuspend ? 100U : 0U,
                         .first_of_process = first});
  };
  call(ControlKind::kSuspend, milliseconds(80), true);
  call(ControlKind::kSuspend, milliseconds(1), false);
  call(ControlKind::kResume, milliseconds(2), false);
  const PreemptionMetrics metrics = measure(run, {}, limits()).preemptions;
  EXPECT_EQ(metrics.suspends, 2U);
  EXPECT_EQ(metrics.resumes, 1U);
  EXPECT_EQ(metrics.first.max, ms(80));
  EXPECT_EQ(metrics.steady.max, ms(1));
  EXPECT_EQ(metrics.bystander, milliseconds(9));
  EXPECT_EQ(metrics.bystander_per_call, milliseconds(3));
  EXPECT_EQ(metrics.saved_bytes_mean, 100U);
}

TEST(PreemptionMetrics, NoCallGivesNoMeans) {
  const PreemptionMetrics metrics = measure(run_of({online({})}), {}, limits()).preemptions;
  EXPECT_FALSE(metrics.bystander_per_call);
  EXPECT_FALSE(metrics.saved_bytes_mean);
  EXPECT_FALSE(metrics.first.max);
}

}  // namespace
}  // namespace gpreempt::cli
