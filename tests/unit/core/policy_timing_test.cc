// Goal: the policies that measure time act at the very instants that their descriptions name.
// Method: Online turns busy and idle at known instants; the scheduler is stepped at these and at
// the deadlines it asks for, as `drive` does.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/decision.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "tests/unit/core/scheduler_rig.h"

namespace gpreempt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kMs = 1'000'000;

/// What was decided when, as "12ms suspend online-busy".
class Timetable {
 public:
  explicit Timetable(std::string_view policy)
      : scheduler_(make_policy(policy).value(), SchedulerOptions{}) {
    EXPECT_TRUE(scheduler_.add_tenant(
        {.name = "o", .cls = TenantClass::kOnline, .priority = 9, .targets = {kOnline}}));
    EXPECT_TRUE(scheduler_.add_tenant(
        {.name = "t", .cls = TenantClass::kOffline, .priority = 1, .targets = {kOffline}}));
  }

  void born(std::int64_t ms) { at(ms, QueueBorn{queue_info(1, kOffline, kGpuA)}); }
  void busy(std::int64_t ms) { at(ms, ActivityEdge{kOnline, true}); }
  void idle(std::int64_t ms) { at(ms, ActivityEdge{kOnline, false}); }
  /// Time passes; requests end at once.
  std::vector<std::string> until(std::int64_t ms) {
    serve_deadlines(instant_from_ns(ms * kMs));
    return std::exchange(decisions_, {});
  }

 private:
  template <class What>
  void at(std::int64_t ms, What what) {
    const Instant now = instant_from_ns(ms * kMs);
    serve_deadlines(now);
    step(Event{.at = now, .what = std::move(what)}, now);
  }
  /// At its deadline the scheduler is asked before what happens then.
  void serve_deadlines(Instant end) {
    while (scheduler_.deadline() <= end) {
      step(std::nullopt, std::max(scheduler_.deadline(), last_));
    }
  }
  void step(const std::optional<Event>& event, Instant now) {
    last_ = now;
    scheduler_.step(event ? &*event : nullptr, now, out_);
    std::vector<Event> done;
    for (const Decision& each : out_.decisions) {
      EXPECT_EQ(to_ns(each.at) % kMs, 0);
      decisions_.push_back(std::to_string(to_ns(each.at) / kMs) + "ms " +
                           std::string(to_string(each.verdict)) + " " +
                           std::string(to_string(each.reason)));
    }
    for (const Action& action : out_.items) {
      scheduler_.issued(action, RequestId(1));
      ControlDone ended{.request = RequestId(1),
                        .target = action.target,
                        .kind = action.kind,
                        .issued = now,
                        .done = now,
                        .outcomes = {},
                        .error = {}};
      for (const QueueId id : out_.ids_of(action)) {
        ended.outcomes.push_back({.id = id, .outcome = Outcome::kOk});
      }
      done.push_back({.at = now, .what = std::move(ended)});
    }
    for (const Event& each : done) {
      step(each, now);
    }
  }

  Scheduler scheduler_;
  Actions out_;
  Instant last_ = instant_from_ns(0);
  std::vector<std::string> decisions_;
};

TEST(LingerPolicyTest, ResumesWhenTheHoldIsOver) {
  Timetable table("linger:hold=5ms");
  table.born(0);
  table.busy(10);
  table.idle(12);
  EXPECT_THAT(table.until(100), ElementsAre("10ms suspend online-busy", "17ms run no-online-work"));
}

TEST(LingerPolicyTest, WorkDuringTheHoldCostsNoPreemption) {
  Timetable table("linger:hold=5ms");
  table.born(0);
  table.busy(10);
  table.idle(12);
  table.busy(16);
  table.idle(18);
  EXPECT_THAT(table.until(100), ElementsAre("10ms suspend online-busy", "23ms run no-online-work"));
}

TEST(LingerPolicyTest, WorkAfterTheHoldPreemptsAgain) {
  Timetable table("linger:hold=5ms");
  table.born(0);
  table.busy(10);
  table.idle(12);
  table.busy(18);
  EXPECT_THAT(table.until(100), ElementsAre("10ms suspend online-busy", "17ms run no-online-work",
                                            "18ms suspend online-busy"));
}

TEST(LingerPolicyTest, HoldsForFiveMillisecondsByDefault) {
  Timetable table("linger");
  table.born(0);
  table.busy(10);
  table.idle(20);
  EXPECT_THAT(table.until(100), ElementsAre("10ms suspend online-busy", "25ms run no-online-work"));
}

TEST(LingerPolicyTest, WithoutAHoldItIsStrict) {
  Timetable table("linger:hold=0ms");
  table.born(0);
  table.busy(10);
  table.idle(12);
  EXPECT_THAT(table.until(100), ElementsAre("10ms suspend online-busy", "12ms run no-online-work"));
}

TEST(LingerPolicyTest, HoldsOffNobodyThatRuns) {
  Timetable table("linger:hold=50ms");
  table.busy(10);
  table.idle(12);
  table.born(20);
  EXPECT_THAT(table.until(100), IsEmpty());
}

TEST(SlicePolicyTest, ResumesWhenOnlineFinishes) {
  Timetable table("slice:slice=20ms,gap=5ms");
  table.born(0);
  table.busy(10);
  table.idle(18);
  EXPECT_THAT(table.until(100), ElementsAre("10ms suspend online-busy", "18ms run no-online-work"));
}

TEST(SlicePolicyTest, ResumesWhenTheSliceEndsAndPreemptsAgainAfterTheGap) {
  Timetable table("slice:slice=20ms,gap=5ms");
  table.born(0);
  table.busy(10);
  EXPECT_THAT(table.until(60), ElementsAre("10ms suspend online-busy", "30ms run slice-ended",
                                           "35ms suspend online-busy", "55ms run slice-ended",
                                           "60ms suspend online-busy"));
  table.idle(61);
  EXPECT_THAT(table.until(100), ElementsAre("61ms run no-online-work"));
}

TEST(SlicePolicyTest, RunsForTheGapBeforeTheNextPreemption) {
  Timetable table("slice:slice=20ms,gap=5ms");
  table.born(0);
  table.busy(10);
  table.idle(18);
  table.busy(20);
  EXPECT_THAT(table.until(40), ElementsAre("10ms suspend online-busy", "18ms run no-online-work",
                                           "23ms suspend online-busy"));
}

TEST(SlicePolicyTest, WorkThatEndsWithinTheGapCostsNoPreemption) {
  Timetable table("slice:slice=20ms,gap=5ms");
  table.born(0);
  table.busy(10);
  table.idle(18);
  table.busy(20);
  table.idle(22);
  EXPECT_THAT(table.until(40), ElementsAre("10ms suspend online-busy", "18ms run no-online-work"));
}

TEST(SlicePolicyTest, NewMemberRunsForTheGapFirst) {
  Timetable table("slice:slice=20ms,gap=5ms");
  table.busy(1);
  table.born(10);
  EXPECT_THAT(table.until(20), ElementsAre("15ms suspend online-busy"));
}

TEST(SlicePolicyTest, SliceIs20MillisecondsAndGapFiveByDefault) {
  Timetable table("slice");
  table.born(0);
  table.busy(10);
  EXPECT_THAT(table.until(40), ElementsAre("10ms suspend online-busy", "30ms run slice-ended",
                                           "35ms suspend online-busy"));
}

}  // namespace
}  // namespace gpreempt
