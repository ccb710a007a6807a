// Goal: numbers of tokens, of limits on them, and of Offline work that arrives follow from the
// records by their definitions. Records and expected numbers are made by hand.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/metrics.h"
#include "cli/simulate.h"
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

/// First token after `ttft`, then `tokens` - 1 more every `tpot`.
RequestRecord served(milliseconds at, milliseconds ttft, milliseconds tpot, std::uint32_t tokens) {
  RequestRecord record;
  record.arrival = kStart + at;
  record.first_wave = record.arrival;
  record.first_token = record.arrival + ttft;
  record.tokens = tokens;
  record.end = record.first_token + (tokens - 1) * tpot;
  return record;
}

RunRecord run_of(std::vector<TenantRecord> tenants) {
  RunRecord run;
  run.policy = "suspend";
  run.start = kStart;
  run.duration = seconds(10);
  run.tenants = std::move(tenants);
  return run;
}

TenantRecord online(std::vector<RequestRecord> requests) {
  TenantRecord tenant{.name = "llm", .cls = TenantClass::kOnline};
  tenant.requests = std::move(requests);
  return tenant;
}

std::int64_t ms(std::int64_t value) { return to_ns(milliseconds(value)); }
std::int64_t value(const std::optional<Quantile>& quantile) {
  return quantile ? quantile->value : -1;
}

SloScenario limit(SloMetric metric, milliseconds value) {
  SloScenario slo;
  slo.metric = metric;
  slo.online_latency = {value};
  return slo;
}

TEST(ServingMetrics, TokensAreTimedFromArrivalAndFromTheFirst) {
  const RunRecord run =
      run_of({online({served(milliseconds(0), milliseconds(50), milliseconds(10), 11),
                      served(milliseconds(5), milliseconds(70), milliseconds(20), 3)})});
  const OnlineMetrics metrics = measure(run, {}, {}).online;
  EXPECT_EQ(value(metrics.ttft.p50), ms(50));
  EXPECT_EQ(metrics.ttft.max, ms(70));
  EXPECT_EQ(value(metrics.tpot.p50), ms(10));
  EXPECT_EQ(metrics.tpot.max, ms(20));
  EXPECT_EQ(metrics.latency.max, ms(150));
}

TEST(ServingMetrics, ARequestOfOneTokenHasNoFurtherOne) {
  const OnlineMetrics metrics =
      measure(run_of({online({served(milliseconds(0), milliseconds(50), milliseconds(0), 1)})}), {},
              {})
          .online;
  EXPECT_EQ(metrics.ttft.count, 1U);
  EXPECT_EQ(metrics.tpot.count, 0U);
}

TEST(ServingMetrics, AnUnfinishedRequestWithAFirstTokenHasItsTimeButMissesTheLimit) {
  RequestRecord open = served(milliseconds(0), milliseconds(50), milliseconds(10), 4);
  open.end = kForever;
  const PolicyMetrics metrics =
      measure(run_of({online({open})}), {}, limit(SloMetric::kTtft, milliseconds(100)));
  EXPECT_EQ(metrics.online.ttft.max, ms(50));
  EXPECT_EQ(metrics.online.tpot.count, 0U);
  EXPECT_EQ(metrics.online.slo.at(0).met, false);
}

TEST(ServingMetrics, TheLimitJudgesTheMetricItNames) {
  const RunRecord run =
      run_of({online({served(milliseconds(0), milliseconds(50), milliseconds(10), 11)})});
  const auto met = [&](SloMetric metric, milliseconds value) {
    return measure(run, {}, limit(metric, value)).online.slo.at(0).met;
  };
  EXPECT_EQ(met(SloMetric::kTtft, milliseconds(50)), true);
  EXPECT_EQ(met(SloMetric::kTtft, milliseconds(49)), false);
  EXPECT_EQ(met(SloMetric::kTpot, milliseconds(10)), true);
  EXPECT_EQ(met(SloMetric::kTpot, milliseconds(9)), false);
  EXPECT_EQ(met(SloMetric::kLatency, milliseconds(150)), true);
  EXPECT_EQ(met(SloMetric::kLatency, milliseconds(149)), false);
  const SloScenario slo = limit(SloMetric::kTpot, milliseconds(9));
  const std::vector<std::string> missed = missed_limits(measure(run, {}, slo), slo);
  ASSERT_EQ(missed.size(), 1U);
  EXPECT_NE(missed.front().find("tpot of llm at quantile 0.99 is 10ms; the limit is 9ms"),
            std::string::npos)
      << missed.front();
}

/// Offline that runs a step of 10 ms for each of its arrivals.
TenantRecord arriving(seconds work, std::uint64_t requests) {
  TenantRecord tenant{.name = "batch", .endless = false};
  tenant.at_duration = {.work = work, .requests_completed = requests};
  return tenant;
}

TEST(OfflineArrivals, LoseWhatNoLongerFitsBesideOnline) {
  Baselines baselines;
  baselines.online = run_of({online({})});
  baselines.online.tenants.at(0).at_duration.work = seconds(4);
  baselines.offline = run_of({arriving(seconds(8), 800)});
  const auto metrics =
      measure(run_of({online({}), arriving(seconds(5), 500)}), baselines, {}).offline;
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->requests_completed, 500U);
  EXPECT_EQ(metrics->baseline_requests_completed, 800U);
  EXPECT_DOUBLE_EQ(metrics->loss.value_or(-1), 0.375);
  // 4 s and 8 s of work are 2 s more than the window: a quarter of Offline's.
  EXPECT_DOUBLE_EQ(metrics->loss_floor.value_or(-1), 0.25);
}

TEST(OfflineArrivals, LoseNothingWhileBothFit) {
  Baselines baselines;
  baselines.online = run_of({online({})});
  baselines.online.tenants.at(0).at_duration.work = seconds(4);
  baselines.offline = run_of({arriving(seconds(5), 500)});
  const auto metrics =
      measure(run_of({online({}), arriving(seconds(5), 500)}), baselines, {}).offline;
  EXPECT_DOUBLE_EQ(metrics->loss_floor.value_or(-1), 0);
  EXPECT_DOUBLE_EQ(metrics->overhead.value_or(-1), 0);
}

TEST(OfflineArrivals, AreNotCountedForWorkWithoutEnd) {
  TenantRecord endless{.name = "train"};
  endless.at_duration = {.work = seconds(9)};
  EXPECT_FALSE(measure(run_of({endless}), {}, {}).offline->requests_completed);
}

}  // namespace
}  // namespace gpreempt::cli
