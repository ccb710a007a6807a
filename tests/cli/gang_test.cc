// Goal: what several processes of a tenant did is reported as the tenant's: once where it is one
// thing, summed where it is each one's. Method: two GPUs, one Online tenant on the first, a job on
// both; and hand-written decisions.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/model_file.h"
#include "backends/sim/sim_testbed.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "cli/gang_metrics.h"
#include "cli/gang_watch.h"
#include "cli/metrics.h"
#include "cli/simulate.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/loader.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Online needs 10 % of `online`; a step of the job is 9.9 ms and a collective of 0.1 ms. Kernels
/// fill a GPU, collectives do not.
std::string scenario(const std::string& online, const std::string& timeout = "10min") {
  return R"(schema = 1
name = "gang"
[run]
duration = "2s"
[hardware]
gpus = 2
[scheduler]
lease = "1s"
detection = "hint"
[[online]]
name = "service"
priority = 15
)" + online +
         R"(
arrivals = { kind = "periodic", rate = "5/s" }
request = { kind = "kernels", repeat = [{ count = 1, duration = "20ms", workgroups = 640, waves = 4, vgprs = 64, lds = "0KiB" }] }
[[offline]]
name = "job"
priority = 2
gpus = "all"
step = { kind = "kernels", repeat = [{ count = 9, duration = "1100us", workgroups = 640, waves = 4, vgprs = 64, lds = "0KiB" }] }
collective = { every = 9, duration = "100us", workgroups = 8, timeout = ")" +
         timeout + "\" }\n";
}

class GangRun : public ::testing::Test {
 protected:
  RunRecord run(const std::string& policy, const Workload& workload) {
    const std::unique_ptr<Testbed> testbed = sim::open_sim_testbed(timeline_, options_);
    RunSettings settings;
    settings.policy = policy;
    settings.detection = {.kind = DetectionKind::kHint, .value = {}};
    const Result<RunRecord> record = simulate(*testbed, workload, settings, {});
    EXPECT_TRUE(record) << record.error().what;
    return record ? *record : RunRecord{};
  }
  void prepare(const std::string& text) {
    const sim::Model model = sim::find_model("mi308x", 8).value();
    options_.gpu = model.point;
    options_.personality = *sim::find_personality("dkms-6.12.12");
    options_.gpus = 2;
    const Result<Scenario> read = parse_scenario(text, "gang.toml");
    ASSERT_TRUE(read) << read.error().what;
    workload_ = compile(*read, {.flops_fp16 = model.point.flops_fp16, .gpus = 2}, {}).value();
  }
  [[nodiscard]] PolicyMetrics measured(const std::string& policy) {
    Baselines baselines;
    baselines.online = run("none", only(workload_, TenantClass::kOnline));
    baselines.offline = run("none", only(workload_, TenantClass::kOffline));
    const RunRecord record = run(policy, workload_);
    PolicyMetrics metrics = measure(record, baselines, {});
    metrics.gangs = measure_gangs(record);
    return metrics;
  }

  sim::PlainTimeline timeline_;
  sim::SystemOptions options_;
  Workload workload_;
};

TEST_F(GangRun, AJobAloneDoesTheWorkOfAllItsRanks) {
  prepare(scenario("gpu = 0"));
  const RunRecord record = run("none", only(workload_, TenantClass::kOffline));
  ASSERT_EQ(record.tenants.size(), 1U);
  EXPECT_EQ(record.tenants.front().at_duration.work, 2 * seconds(2));
  EXPECT_EQ(record.tenants.front().at_duration.collective_wait, Duration::zero());
}

TEST_F(GangRun, ARequestOfAGangCountsOnce) {
  prepare(
      scenario("gpus = \"all\"\ncollective = { every = 1, duration = \"1ms\", workgroups = 8 }"));
  const RunRecord record = run("none", only(workload_, TenantClass::kOnline));
  ASSERT_EQ(record.tenants.size(), 1U);
  EXPECT_EQ(record.tenants.front().requests.size(), 10U);
  EXPECT_EQ(record.tenants.front().at_duration.requests_completed, 10U);
  for (const RequestRecord& request : record.tenants.front().requests) {
    EXPECT_EQ(request.end - request.arrival, milliseconds(21));
  }
}

TEST_F(GangRun, LosesOnAllItsGpusWhatOnlineTakesOfOne) {
  prepare(scenario("gpu = 0"));
  const PolicyMetrics metrics = measured("suspend");
  ASSERT_TRUE(metrics.offline);
  // 10 requests of 20 ms in 2 s; the other rank waits meanwhile.
  EXPECT_DOUBLE_EQ(metrics.offline->loss_floor.value_or(-1), 0.1);
  EXPECT_GT(metrics.offline->loss.value_or(-1), 0.1);
  EXPECT_LT(metrics.offline->loss.value_or(-1), 0.12);
  ASSERT_EQ(metrics.gangs.size(), 1U);
  EXPECT_EQ(metrics.gangs.front().name, "job");
  EXPECT_EQ(metrics.gangs.front().ranks, 2U);
  EXPECT_EQ(metrics.gangs.front().off.count, 10U);
  EXPECT_FALSE(metrics.gangs.front().aborted);
  // A step is shorter than a request, so the second rank is at its collective before the first one
  // has its GPU back, and waits there for all that the first one lost: its share of the 2 s. (What
  // was under way at their end is within a step.)
  const double waited = std::chrono::duration<double>(metrics.gangs.front().wait).count();
  EXPECT_GE(waited, 0.2);
  EXPECT_NEAR(waited, 2 * metrics.offline->loss.value_or(-1), 0.01);
}

TEST_F(GangRun, WithoutCollectivesLosesOnTheGpuOfOnlineOnly) {
  std::string text = scenario("gpu = 0");
  text.erase(text.find("collective = "));
  prepare(text);
  const PolicyMetrics metrics = measured("suspend");
  ASSERT_TRUE(metrics.offline);
  EXPECT_DOUBLE_EQ(metrics.offline->loss_floor.value_or(-1), 0.05);
  EXPECT_LT(metrics.offline->loss.value_or(-1), 0.06);
  EXPECT_EQ(metrics.gangs.at(0).wait, Duration::zero());
}

TEST_F(GangRun, AnAbortedJobIsReportedAndMissesTheGate) {
  // The scheduler lets it run after half of its timeout; without a scheduler's care it would end.
  prepare(scenario("gpu = 0", "1100ms"));
  for (TenantMeta& tenant : workload_.tenants) {
    tenant.stall_limit = Duration::max();
  }
  for (Program& program : workload_.programs) {
    if (!program.offline) {  // one request of a second and a half
      program.trains.front().front().count = 1500;
      program.trains.front().front().duration = milliseconds(1);
      program.arrivals.resize(1);
    }
  }
  const std::unique_ptr<Testbed> testbed = sim::open_sim_testbed(timeline_, options_);
  RunSettings settings;
  settings.policy = "suspend";
  settings.detection = {.kind = DetectionKind::kHint, .value = {}};
  settings.scheduler.lease = seconds(30);
  const Result<RunRecord> record = simulate(*testbed, workload_, settings, {});
  ASSERT_TRUE(record) << record.error().what;
  PolicyMetrics metrics;
  metrics.policy = "suspend";
  metrics.gangs = measure_gangs(*record);
  ASSERT_EQ(metrics.gangs.size(), 1U);
  EXPECT_TRUE(metrics.gangs.front().aborted);
  const std::vector<std::string> missed = missed_limits(metrics, {});
  ASSERT_EQ(missed.size(), 1U);
  EXPECT_NE(missed.front().find("timed out"), std::string::npos);
}

TEST_F(GangRun, TheSchedulerKeepsAJobFromTimingOut) {
  prepare(scenario("gpu = 0", "1100ms"));
  for (Program& program : workload_.programs) {
    if (!program.offline) {
      program.trains.front().front().count = 1500;
      program.trains.front().front().duration = milliseconds(1);
      program.arrivals.resize(1);
    }
  }
  const RunRecord record = run("suspend", workload_);
  EXPECT_FALSE(measure_gangs(record).at(0).aborted);
  std::size_t let_run = 0;
  for (const Decision& decision : record.decisions) {
    let_run += decision.reason == Reason::kStallLimit ? 1U : 0U;
  }
  EXPECT_GE(let_run, 2U);  // every 550 ms
}

Decision take_off(std::uint64_t sequence, TenantId tenant, Instant at) {
  Decision decision;
  decision.sequence = sequence;
  decision.at = at;
  decision.tenant = tenant;
  decision.verdict = Verdict::kSuspend;
  decision.reason = Reason::kOnlineBusy;
  return decision;
}

TEST(GangWatchTest, PutsTheDecisionsOfAnInstantAboutATenantTogether) {
  GangWatch watch;
  const Instant at = Instant{} + seconds(1);
  watch.decision(take_off(1, TenantId(7), at));
  watch.decision(take_off(2, TenantId(8), at));
  watch.decision(take_off(3, TenantId(7), at));
  watch.realisation({.sequence = 3, .at = at + microseconds(10)});
  watch.realisation({.sequence = 1, .at = at + microseconds(25)});
  watch.decision(take_off(4, TenantId(7), at + seconds(1)));
  watch.realisation({.sequence = 4, .at = at + seconds(1), .queues_failed = 1});
  const std::vector<GangTakeOff> all = watch.take();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].tenant, TenantId(7));
  EXPECT_TRUE(all[0].complete());
  EXPECT_EQ(all[0].members, 2U);
  EXPECT_EQ(all[0].first_off, at + microseconds(10));
  EXPECT_EQ(all[0].last_off, at + microseconds(25));
  EXPECT_FALSE(all[1].complete());  // never realised
  EXPECT_FALSE(all[2].complete());  // a queue failed
}

}  // namespace
}  // namespace gpreempt::cli
