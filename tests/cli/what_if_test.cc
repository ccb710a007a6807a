// Goal: what another policy is given of a recorded run, and what is assumed where the record ends.
// Method: logs written by hand, one Online process (target 1) and one Offline process (target 2)
// with one queue each on one GPU; the instants below are nanoseconds.
#include "cli/what_if.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/event_reader.h"
#include "cli/recorded_run.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/event_log.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

constexpr TargetId kServe(1);
constexpr TargetId kTrain(2);
constexpr QueueId kServeQueue(10);
constexpr QueueId kTrainQueue(20);
constexpr GpuId kOnlyGpu(7);

/// A run under policy none, or as the lines say.
class HandMadeLog {
 public:
  explicit HandMadeLog(Duration lease = std::chrono::seconds(2)) {
    log_.configured({.grace = {}, .lease = lease, .mechanism = {}, .gang = {}});
    log_.tenant(TenantId(0),
                {.name = "serve", .cls = TenantClass::kOnline, .priority = 9, .targets = {kServe}});
    log_.tenant(
        TenantId(1),
        {.name = "train", .cls = TenantClass::kOffline, .priority = 1, .targets = {kTrain}});
    log_.began(instant_from_ns(0));
    at(0, QueueBorn{queue(kServeQueue, kServe)});
    at(0, QueueBorn{queue(kTrainQueue, kTrain)});
  }
  template <class What>
  void at(std::int64_t ns, What what) {
    log_.event({.at = instant_from_ns(ns), .what = std::move(what)});
  }
  void busy(std::int64_t ns, bool is_busy) { at(ns, ActivityEdge{kServe, is_busy}); }
  void decided(std::int64_t ns, Verdict verdict) {
    Decision decision;
    decision.sequence = ++sequence_;
    decision.at = instant_from_ns(ns);
    decision.tenant = TenantId(1);
    decision.target = kTrain;
    decision.gpu = kOnlyGpu;
    decision.verdict = verdict;
    log_.decision(decision);
  }
  void ended(std::int64_t issued, std::int64_t done, ControlKind kind) {
    at(done, ControlDone{.request = RequestId(sequence_),
                         .target = kTrain,
                         .kind = kind,
                         .issued = instant_from_ns(issued),
                         .done = instant_from_ns(done),
                         .outcomes = {{.id = kTrainQueue, .outcome = Outcome::kOk}},
                         .error = {}});
  }
  EventLog& log() { return log_; }

  [[nodiscard]] WhatIf under(const std::string& policy, AssumedCalls assumed = {}) const {
    const std::vector<LogLine> lines = read_event_log(text_, "log").value();
    const std::vector<RecordedRun> runs = runs_of(lines, "log").value();
    return what_if(runs.front(), make_policy(policy).value(), assumed).value();
  }

 private:
  static QueueInfo queue(QueueId id, TargetId target) {
    return {.id = id,
            .target = target,
            .gpu = kOnlyGpu,
            .kernel_id = 0,
            .type = QueueType::kCompute,
            .role = QueueRole::kUser,
            .ring_bytes = 65536,
            .state = QueueState::kRunning};
  }

  std::string text_;
  EventLog log_{text_, {.scenario = "by hand", .policy = "none", .seed = 1}};
  std::uint64_t sequence_ = 0;
};

std::vector<std::int64_t> instants_of(const std::vector<Decision>& decisions) {
  std::vector<std::int64_t> instants;
  for (const Decision& decision : decisions) {
    instants.push_back(to_ns(decision.at));
  }
  return instants;
}

TEST(WhatIf, CallsOfItsOwnTakeWhatIsAssumed) {
  HandMadeLog log;
  log.busy(1000, true);
  log.busy(2000, false);
  log.busy(3000, true);
  log.busy(4000, false);
  const WhatIf result = log.under("suspend", {.suspend = Duration(70), .resume = Duration(30)});
  EXPECT_EQ(instants_of(result.decisions), (std::vector<std::int64_t>{1000, 2000, 3000, 4000}));
  EXPECT_EQ(result.diverged, instant_from_ns(1000));
  EXPECT_EQ(result.calls_assumed, 4U);
  // A cost is predicted to be the last one of its kind.
  EXPECT_EQ(result.decisions[0].predicted_cost, kUnknownCost);
  EXPECT_EQ(result.decisions[2].predicted_cost, Duration(70));
  EXPECT_EQ(result.decisions[3].predicted_cost, Duration(30));
}

TEST(WhatIf, RecordedCallsEndAsRecordedUntilTheFirstOtherVerdict) {
  HandMadeLog log;
  log.busy(1000, true);
  log.decided(1000, Verdict::kSuspend);
  log.ended(1000, 1111, ControlKind::kSuspend);
  log.busy(2000, false);
  log.decided(2000, Verdict::kRun);
  log.ended(2000, 2022, ControlKind::kResume);
  log.busy(3000, true);  // here the record decides nothing
  log.busy(4000, false);
  const WhatIf result = log.under("suspend", {.suspend = Duration(70), .resume = Duration(30)});
  EXPECT_EQ(result.diverged, instant_from_ns(3000));
  EXPECT_EQ(result.calls_assumed, 2U);
  EXPECT_EQ(result.calls_dropped, 0U);
  EXPECT_EQ(result.decisions[2].predicted_cost, Duration(111));
  EXPECT_EQ(result.decisions[3].predicted_cost, Duration(22));
}

TEST(WhatIf, EndsOfCallsThatItDidNotMakeAreLeftOut) {
  HandMadeLog log;
  log.busy(1000, true);
  log.decided(1000, Verdict::kSuspend);
  log.ended(1000, 1100, ControlKind::kSuspend);
  log.at(1500, LeaseExpired{kTrain, {kTrainQueue}});
  log.busy(2000, false);
  log.decided(2000, Verdict::kRun);
  log.ended(2000, 2100, ControlKind::kResume);
  const WhatIf result = log.under("none");
  EXPECT_TRUE(result.decisions.empty());
  EXPECT_EQ(result.diverged, instant_from_ns(1000));
  EXPECT_EQ(result.calls_dropped, 2U);
  EXPECT_EQ(result.leases_dropped, 1U);
  EXPECT_EQ(result.calls_assumed, 0U);
}

TEST(WhatIf, ARecordedEndIsNoEndOfACallOfItsOwn) {
  HandMadeLog log;
  log.busy(1000, true);  // the record suspends 50 later, which is another verdict at 1000
  log.log().deadline(instant_from_ns(1050));
  log.decided(1050, Verdict::kSuspend);
  log.ended(1050, 1060, ControlKind::kSuspend);
  log.busy(3000, false);
  log.busy(4000, true);
  const WhatIf result = log.under("suspend", {.suspend = Duration(500), .resume = Duration(30)});
  EXPECT_EQ(result.calls_dropped, 1U);
  ASSERT_EQ(result.decisions.size(), 3U);
  EXPECT_EQ(result.decisions[2].predicted_cost, Duration(500));
}

TEST(WhatIf, ItsOwnDeadlinesPassBetweenTheRecordedEvents) {
  HandMadeLog log;
  log.busy(1000, true);
  log.busy(2000, false);
  log.busy(9000, true);
  const WhatIf result = log.under("linger:hold=300ns");
  EXPECT_EQ(instants_of(result.decisions), (std::vector<std::int64_t>{1000, 2300, 9000}));
}

TEST(WhatIf, TheRecordedDeadlineIsItsOwnIfItAskedForTheSame) {
  HandMadeLog log;
  log.busy(1000, true);
  log.decided(1000, Verdict::kSuspend);
  log.ended(1000, 1100, ControlKind::kSuspend);
  log.busy(2000, false);
  log.log().deadline(instant_from_ns(2300));
  log.decided(2300, Verdict::kRun);
  log.ended(2300, 2400, ControlKind::kResume);
  EXPECT_EQ(log.under("linger:hold=300ns").diverged, std::nullopt);
  EXPECT_EQ(log.under("linger:hold=200ns").diverged, instant_from_ns(2200));
  EXPECT_EQ(log.under("linger:hold=400ns").diverged, instant_from_ns(2300));
}

TEST(WhatIf, ASuspensionIsEndedByTheLeaseAndAskedForAgain) {
  HandMadeLog log(Duration(400));
  log.busy(1000, true);
  log.busy(2000, false);
  // Suspended at 1000 for at most 400 from then on, and again at 1400 and 1800: three suspends
  // and the resume at 2000, on two decisions.
  const WhatIf result = log.under("suspend", {.suspend = Duration(10), .resume = Duration(10)});
  EXPECT_EQ(result.decisions.size(), 2U);
  EXPECT_EQ(result.calls_assumed, 4U);
}

TEST(WhatIf, ARecordedRefusalCountsUntilTheFirstOtherVerdict) {
  HandMadeLog log;
  log.busy(1000, true);
  log.decided(1000, Verdict::kSuspend);
  log.log().refusal({.target = kTrain, .kind = ControlKind::kSuspend, .first = 0, .count = 1},
                    ControlKind::kSuspend, {.code = Errc::kBusy, .sys_errno = 0, .what = "busy"},
                    instant_from_ns(1000));
  log.busy(2000, false);
  log.decided(2000, Verdict::kRun);
  const WhatIf result = log.under("suspend");
  EXPECT_EQ(result.diverged, std::nullopt);
  EXPECT_EQ(result.decisions.size(), 2U);
}

TEST(WhatIf, ATargetThatExitsTakesItsCallsWithIt) {
  HandMadeLog log;
  log.busy(1000, true);
  log.at(1100, TargetExited{kTrain});
  log.busy(2000, false);
  const WhatIf result = log.under("suspend", {.suspend = Duration(500), .resume = Duration(30)});
  EXPECT_EQ(instants_of(result.decisions), (std::vector<std::int64_t>{1000}));
}

}  // namespace
}  // namespace gpreempt::cli
