// Goal: a run samples at the instants it says and ends at rest. Requests fill the GPU, so that
// their times alone are those written in the scenario.
#include "cli/simulate.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "backends/sim/sim_testbed.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/cli/small_run.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Simulate : public testing::SmallRun {
 protected:
  Result<RunRecord> run(const std::string& policy, const Workload& workload) {
    settings_.policy = policy;
    const std::unique_ptr<Testbed> testbed = sim::open_sim_testbed(timeline_, options_);
    return simulate(*testbed, workload, settings_, {});
  }
};

TEST_F(Simulate, OnlineAloneTakesItsServiceTimeAndNoMore) {
  const Result<RunRecord> record = run("none", only(workload_, TenantClass::kOnline));
  ASSERT_TRUE(record) << record.error().what;
  ASSERT_EQ(record->tenants.size(), 1U);
  ASSERT_EQ(record->tenants.front().requests.size(), 10U);
  for (const RequestRecord& request : record->tenants.front().requests) {
    EXPECT_EQ(request.end - request.arrival, milliseconds(10));
  }
  EXPECT_EQ(record->tenants.front().at_duration.work, milliseconds(100));
  EXPECT_TRUE(record->calls.empty());
}

TEST_F(Simulate, OfflineAloneIsBusyTheWholeTime) {
  const Result<RunRecord> record = run("none", only(workload_, TenantClass::kOffline));
  ASSERT_TRUE(record) << record.error().what;
  EXPECT_EQ(record->tenants.front().at_duration.work, seconds(2));
}

TEST_F(Simulate, ArrivalsBeginAtAWholeSecond) {
  const Result<RunRecord> record = run("none", workload_);
  ASSERT_TRUE(record) << record.error().what;
  EXPECT_EQ(record->start.time_since_epoch() % seconds(1), Duration::zero());
  EXPECT_EQ(record->tenants.front().requests.front().arrival, record->start);
}

TEST_F(Simulate, SuspendsOncePerRequestAndEndsAtRest) {
  const Result<RunRecord> record = run("suspend", workload_);
  ASSERT_TRUE(record) << record.error().what;
  std::size_t suspends = 0;
  std::size_t resumes = 0;
  for (const DriverCall& call : record->calls) {
    suspends += call.kind == ControlKind::kSuspend ? 1U : 0U;
    resumes += call.kind == ControlKind::kResume ? 1U : 0U;
  }
  EXPECT_EQ(suspends, 10U);
  EXPECT_EQ(resumes, 10U);
  EXPECT_EQ(record->refusals, 0U);
}

TEST_F(Simulate, PollingFindsTheSameBusyPeriods) {
  settings_.detection = {.kind = DetectionKind::kPoll, .value = milliseconds(1)};
  for (Program& program : workload_.programs) {
    program.hints = false;
  }
  const Result<RunRecord> record = run("suspend", workload_);
  ASSERT_TRUE(record) << record.error().what;
  std::size_t decided = 0;
  for (const Decision& decision : record->decisions) {
    decided += decision.verdict == Verdict::kSuspend ? 1U : 0U;
  }
  EXPECT_EQ(decided, 10U);
}

TEST_F(Simulate, RefusesAPolicyNobodyKnows) {
  const Result<RunRecord> record = run("suspnd", workload_);
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, Errc::kInvalidArgument);
}

TEST_F(Simulate, RefusesAProgramThatDoesNotFitTheGpu) {
  workload_.programs.front().trains.front().front().shape.lds_bytes = 1U << 20U;
  const Result<RunRecord> record = run("none", workload_);
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, Errc::kInvalidArgument);
}

}  // namespace
}  // namespace gpreempt::cli
