// Goal: the loop passes events and actions on, reports refusals and ends when it should.
// Method: a mocked backend.

#include "core/drive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/backend.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/mechanism.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "tests/support/mock_backend.h"
#include "tests/unit/core/scheduler_rig.h"

namespace gpreempt {
namespace {

using namespace std::chrono_literals;
using testing::_;
using testing::ElementsAre;
using testing::Invoke;
using testing::NiceMock;
using testing::ReturnRef;
using testing::VariantWith;

/// Lists what it was told.
class Notes final : public EventSink {
 public:
  void event(const Event& event) override { lines.emplace_back(name_of(event)); }
  void decision(const Decision& decision) override {
    lines.emplace_back("decide " + std::string(to_string(decision.verdict)));
  }
  void realisation(const Realisation& /*realisation*/) override { lines.emplace_back("realise"); }
  void refusal(const Action& /*action*/, ControlKind kind, const Error& error,
               Instant /*at*/) override {
    lines.emplace_back("refuse " + std::string(to_string(kind)) + " " + error.what);
  }
  std::vector<std::string> lines;
};

class DriveTest : public testing::Test {
 protected:
  DriveTest() {
    ON_CALL(backend_, now()).WillByDefault(Invoke([this] { return now_; }));
    ON_CALL(backend_, info()).WillByDefault(ReturnRef(info_));
    ON_CALL(backend_, next_event(_)).WillByDefault(Invoke([this](Instant deadline) {
      return next(deadline);
    }));
    add_tenants();
  }

  void add_tenants() {
    EXPECT_TRUE(scheduler_
                    .add_tenant({.name = "online",
                                 .cls = TenantClass::kOnline,
                                 .priority = 9,
                                 .targets = {kOnline}})
                    .has_value());
    EXPECT_TRUE(scheduler_
                    .add_tenant({.name = "offline",
                                 .cls = TenantClass::kOffline,
                                 .priority = 1,
                                 .targets = {kOffline}})
                    .has_value());
  }

  template <class What>
  void at(std::int64_t ns, What what) {
    events_.push_back({.at = instant_from_ns(ns), .what = std::move(what)});
  }
  void busy_world() {
    at(10, QueueBorn{queue_info(1, kOffline, kGpuA)});
    at(20, ActivityEdge{kOnline, true});
  }
  static ControlDone done(ControlKind kind, std::int64_t ns) {
    return {.request = RequestId(1),
            .target = kOffline,
            .kind = kind,
            .issued = instant_from_ns(ns - 5),
            .done = instant_from_ns(ns),
            .outcomes = {{.id = QueueId(1), .outcome = Outcome::kOk}},
            .error = {}};
  }
  Result<void> run(std::int64_t until_ns) {
    return drive(backend_, scheduler_, notes_, instant_from_ns(until_ns));
  }

  BackendInfo info_;
  NiceMock<MockBackend> backend_;
  Scheduler scheduler_{make_policy("suspend").value(), {.grace = 3ms, .lease = 2s}};
  Notes notes_;
  Instant now_ = instant_from_ns(0);

 private:
  /// Like a backend: the next event if it is due before `deadline`, otherwise time passes.
  Result<std::optional<Event>> next(Instant deadline) {
    if (served_ < events_.size() && events_[served_].at <= deadline) {
      now_ = std::max(now_, events_[served_].at);
      return events_[served_++];
    }
    now_ = std::max(now_, deadline);
    return std::nullopt;
  }

  std::vector<Event> events_;
  std::size_t served_ = 0;
};

TEST_F(DriveTest, TurnsEventsIntoControls) {
  busy_world();
  EXPECT_CALL(backend_, control(kOffline, ElementsAre(QueueId(1)), VariantWith<Suspend>(_)))
      .WillOnce(Invoke([](TargetId, std::span<const QueueId>, const Control& control) {
        EXPECT_EQ(std::get<Suspend>(control).grace, Duration(3ms));
        EXPECT_EQ(std::get<Suspend>(control).lease, Duration(2s));
        return Result<RequestId>(RequestId(1));
      }));
  EXPECT_TRUE(run(100).has_value());
  EXPECT_THAT(notes_.lines, ElementsAre("queue-born", "activity-edge", "decide suspend"));
  EXPECT_EQ(now_, instant_from_ns(100));
}

TEST_F(DriveTest, MakesOfAnActionWhatTheMechanismSays) {
  scheduler_ = Scheduler(make_policy("suspend").value(),
                         {.lease = 2s, .mechanism = make_mechanism("queue-percent").value()});
  add_tenants();
  busy_world();
  at(30, done(ControlKind::kPercentage, 30));
  at(40, ActivityEdge{kOnline, false});
  at(50, done(ControlKind::kPercentage, 50));
  std::vector<std::uint32_t> percentages;
  EXPECT_CALL(backend_, control(kOffline, _, VariantWith<Percentage>(_)))
      .Times(2)
      .WillRepeatedly(Invoke([&](TargetId, std::span<const QueueId>, const Control& control) {
        percentages.push_back(std::get<Percentage>(control).percent);
        return Result<RequestId>(RequestId(1));
      }));
  EXPECT_TRUE(run(100).has_value());
  EXPECT_THAT(percentages, ElementsAre(0, 100));
  EXPECT_TRUE(scheduler_.quiescent());
}

TEST_F(DriveTest, TakesAnotherRequestsEndForNothing) {
  busy_world();
  at(30, done(ControlKind::kSuspend, 30));
  EXPECT_CALL(backend_, control(_, _, _)).WillOnce(Invoke([](auto&&...) {
    return Result<RequestId>(RequestId(2));
  }));
  EXPECT_TRUE(run(100).has_value());
  EXPECT_FALSE(scheduler_.quiescent());
}

TEST_F(DriveTest, LeavesSuspensionsInPlaceWhenItEnds) {
  busy_world();
  at(30, done(ControlKind::kSuspend, 30));
  EXPECT_CALL(backend_, control(_, _, VariantWith<Suspend>(_))).WillOnce(Invoke([](auto&&...) {
    return Result<RequestId>(RequestId(1));
  }));
  EXPECT_TRUE(run(100).has_value());
  EXPECT_FALSE(scheduler_.quiescent());
}

TEST_F(DriveTest, StopsAfterTheEventThatStopAsksFor) {
  busy_world();
  const auto result = drive(backend_, scheduler_, notes_, instant_from_ns(100),
                            [&] { return notes_.lines.size() == 1; });
  EXPECT_TRUE(result.has_value());
  EXPECT_THAT(notes_.lines, ElementsAre("queue-born"));
}

TEST_F(DriveTest, ReportsARefusedControlToSchedulerAndSink) {
  busy_world();
  EXPECT_CALL(backend_, control(_, _, _)).WillOnce(Invoke([](auto&&...) {
    return Result<RequestId>(fail(Errc::kBusy, "busy"));
  }));
  EXPECT_TRUE(run(100).has_value());
  EXPECT_EQ(notes_.lines.back(), "refuse suspend busy");
}

TEST_F(DriveTest, TriesARefusedControlAgainAtTheNextChange) {
  busy_world();
  at(30, QueueBorn{queue_info(2, kOffline, kGpuA)});
  EXPECT_CALL(backend_, control(_, ElementsAre(QueueId(1)), _)).WillOnce(Invoke([](auto&&...) {
    return Result<RequestId>(fail(Errc::kBusy, "busy"));
  }));
  EXPECT_CALL(backend_, control(_, ElementsAre(QueueId(1), QueueId(2)), _))
      .WillOnce(Invoke([](auto&&...) { return Result<RequestId>(RequestId(2)); }));
  EXPECT_TRUE(run(100).has_value());
}

TEST_F(DriveTest, PassesOnTheErrorOfNextEvent) {
  EXPECT_CALL(backend_, next_event(_)).WillOnce(Invoke([](Instant) {
    return Result<std::optional<Event>>(fail(Errc::kInternal, "the world ended"));
  }));
  const auto result = run(100);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::kInternal);
}

TEST_F(DriveTest, DoesNothingWhenTheTimeHasPassed) {
  now_ = instant_from_ns(200);
  EXPECT_CALL(backend_, next_event(_)).Times(0);
  EXPECT_TRUE(run(100).has_value());
}

TEST_F(DriveTest, ServesEventsThatWaitedWithoutTurningTimeBack) {
  busy_world();
  now_ = instant_from_ns(50);
  EXPECT_CALL(backend_, control(_, _, _)).WillOnce(Invoke([](auto&&...) {
    return Result<RequestId>(RequestId(1));
  }));
  EXPECT_TRUE(run(100).has_value());
  EXPECT_EQ(notes_.lines.back(), "decide suspend");
}

TEST_F(DriveTest, DrivesToRestByResumingEverything) {
  busy_world();
  at(30, done(ControlKind::kSuspend, 30));
  at(40, done(ControlKind::kResume, 40));
  EXPECT_CALL(backend_, control(_, _, VariantWith<Suspend>(_))).WillOnce(Invoke([](auto&&...) {
    return Result<RequestId>(RequestId(1));
  }));
  EXPECT_CALL(backend_, control(_, _, VariantWith<Resume>(_))).WillOnce(Invoke([](auto&&...) {
    return Result<RequestId>(RequestId(1));
  }));
  ASSERT_TRUE(run(25).has_value());
  EXPECT_TRUE(drive_to_rest(backend_, scheduler_, notes_, instant_from_ns(100)).has_value());
  EXPECT_TRUE(scheduler_.quiescent());
  EXPECT_EQ(now_, instant_from_ns(40));
  EXPECT_THAT(notes_.lines,
              ElementsAre("queue-born", "activity-edge", "decide suspend", "decide run",
                          "control-done", "realise", "control-done", "realise"));
}

TEST_F(DriveTest, TimesOutWhenRestDoesNotComeInTime) {
  busy_world();
  EXPECT_CALL(backend_, control(_, _, _)).WillOnce(Invoke([](auto&&...) {
    return Result<RequestId>(RequestId(1));
  }));
  ASSERT_TRUE(run(25).has_value());
  const auto result = drive_to_rest(backend_, scheduler_, notes_, instant_from_ns(100));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::kTimedOut);
}

TEST_F(DriveTest, PassesOnTheErrorOfNextEventOnTheWayToRest) {
  busy_world();
  EXPECT_CALL(backend_, control(_, _, _)).WillOnce(Invoke([](auto&&...) {
    return Result<RequestId>(RequestId(1));
  }));
  ASSERT_TRUE(run(25).has_value());
  EXPECT_CALL(backend_, next_event(_)).WillOnce(Invoke([](Instant) {
    return Result<std::optional<Event>>(fail(Errc::kInternal, "the world ended"));
  }));
  const auto result = drive_to_rest(backend_, scheduler_, notes_, instant_from_ns(100));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::kInternal);
}

/// Lists the steps that no event began.
class OwnSteps final : public EventSink {
 public:
  void began(Instant at) override { note("drive", at); }
  void deadline(Instant at) override { note("deadline", at); }
  void shut_down(Instant at) override { note("shut-down", at); }
  std::vector<std::string> lines;

 private:
  void note(std::string_view what, Instant at) {
    lines.push_back(std::string(what) + " " + std::to_string(to_ns(at)));
  }
};

TEST_F(DriveTest, TellsTheSinkOfEveryStepThatNoEventBegan) {
  scheduler_ = Scheduler(make_policy("linger:hold=100ns").value(), {.lease = 2s});
  add_tenants();
  busy_world();
  at(30, done(ControlKind::kSuspend, 30));
  at(40, ActivityEdge{kOnline, false});
  at(150, done(ControlKind::kResume, 150));
  EXPECT_CALL(backend_, control(_, _, _)).Times(2).WillRepeatedly(Invoke([](auto&&...) {
    return Result<RequestId>(RequestId(1));
  }));
  OwnSteps steps;
  EXPECT_TRUE(drive(backend_, scheduler_, steps, instant_from_ns(200)).has_value());
  EXPECT_TRUE(drive_to_rest(backend_, scheduler_, steps, instant_from_ns(300)).has_value());
  // Once because tenants were added, and when the hold is over, 100 ns after 40. That the time was
  // up at 200 is no step of the scheduler's.
  EXPECT_THAT(steps.lines,
              ElementsAre("drive 0", "deadline 0", "deadline 140", "drive 200", "shut-down 200"));
}

TEST_F(DriveTest, DropsEverythingIntoThePlainSink) {
  busy_world();
  EXPECT_CALL(backend_, control(_, _, _)).WillOnce(Invoke([](auto&&...) {
    return Result<RequestId>(fail(Errc::kBusy, "busy"));
  }));
  EventSink nothing;
  EXPECT_TRUE(drive(backend_, scheduler_, nothing, instant_from_ns(100)).has_value());
}

}  // namespace
}  // namespace gpreempt
