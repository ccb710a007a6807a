#include "cli/study_request.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "config/override.h"
#include "study/analysis.h"
#include "study/study_file.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

using namespace std::chrono_literals;

SloScenario two_limits() {
  SloScenario slo;
  slo.online_latency = {50ms, 10ms};
  slo.offline_loss = {0.2};
  return slo;
}

TEST(StudyRequest, TurnsTheScenariosLimitsIntoBoundsOfMetrics) {
  const study::AnalysisRequest request = analysis_request({}, study_limits(two_limits()));
  ASSERT_EQ(request.limits.size(), 4U);
  EXPECT_EQ(request.limits[0].metric, "online.latency_ns.p99");
  EXPECT_EQ(request.limits[0].at_most, 50e6);
  EXPECT_EQ(request.limits[0].label, "50ms");
  EXPECT_EQ(request.limits[2].metric, "offline.overhead");
  EXPECT_EQ(request.limits[2].at_most, 0.2);
  EXPECT_EQ(request.limits[3].metric, "online.unfinished");
  EXPECT_TRUE(request.limits[3].is_required);
}

TEST(StudyRequest, JudgesWhatTheScenarioJudges) {
  SloScenario slo = two_limits();
  slo.metric = SloMetric::kTtft;
  slo.quantile = 0.95;
  EXPECT_EQ(analysis_request({}, study_limits(slo)).latency_metric, "online.ttft_ns.p95");
}

TEST(StudyRequest, HasNoLatencyLimitForAQuantileThatNoResultReports) {
  SloScenario slo = two_limits();
  slo.quantile = 0.9;
  const study::AnalysisRequest request = analysis_request({}, study_limits(slo));
  EXPECT_EQ(request.latency_metric, "");
  EXPECT_EQ(request.limits.at(0).metric, "offline.overhead");
}

study::FactorSpec written(const std::string& path) {
  return {.path = path, .levels = {TomlValue::from_text("2", "here")}, .where = ""};
}

TEST(StudyRequest, DoesNotTakeAMachineForAChoiceUnlessItIsAveragedOver) {
  EXPECT_TRUE(is_given(written("model.gpu.kfd_vmids")));
  EXPECT_FALSE(is_given({.path = "model.cost.t_hiq", .levels = {}, .quantiles = 3, .where = ""}));
}

TEST(StudyRequest, DoesNotTakeTheLoadForAChoice) {
  EXPECT_TRUE(is_given(written("online.guard.arrivals.rate")));
  EXPECT_TRUE(is_given(written("offline.train.step.repeat.1.duration")));
  EXPECT_TRUE(is_given(written("run.warmup")));
  EXPECT_FALSE(is_given(written("scheduler.policy")));
  EXPECT_FALSE(is_given(written("offline.train.queues")));
  study::StudyFile file;
  file.factors.push_back({.path = "scheduler.policy", .levels = {}, .where = ""});
  file.factors.push_back({.path = "online.guard.arrivals.rate", .levels = {}, .where = ""});
  EXPECT_EQ(analysis_request(file, study_limits(two_limits())).given,
            (std::vector<std::string>{"online.guard.arrivals.rate"}));
}

TEST(StudyRequest, TakesItsConfidenceAndPairingFromTheStudy) {
  study::StudyFile file;
  file.repeat.paired = false;
  file.repeat.until = study::Until{.metric = "offline.loss", .half_width = 0.1, .confidence = 0.9};
  file.is_quick = true;
  const study::AnalysisRequest request = analysis_request(file, study_limits(two_limits()));
  EXPECT_FALSE(request.paired);
  EXPECT_TRUE(request.quick);
  EXPECT_EQ(request.confidence, 0.9);
}

}  // namespace
}  // namespace gpreempt::cli
