// Goal: scheduler, loop and backend together do what the policy says.
// Method: an Online service gives hints; what the driver was asked, and when, is compared with
// them.
#include "core/scheduler.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <variant>
#include <vector>

#include "core/backend.h"
#include "core/decision.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/contract/scheduled_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Keeps what was reported, and asks for Offline's work at each event.
class Recorder final : public EventSink {
 public:
  struct Entry {
    Event event;
    Duration offline_work{};
  };
  explicit Recorder(std::function<Duration()> offline_work)
      : offline_work_(std::move(offline_work)) {}

  void event(const Event& event) override {
    entries_.push_back(Entry{.event = event, .offline_work = offline_work_()});
  }
  void decision(const Decision& decision) override { decisions_.push_back(decision); }
  void refusal(const Action& /*action*/, ControlKind /*kind*/, const Error& error,
               Instant /*at*/) override {
    ADD_FAILURE() << error.what;
  }

  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] const std::vector<Decision>& decisions() const { return decisions_; }
  [[nodiscard]] bool suspended_now() const {
    const auto* const done =
        entries_.empty() ? nullptr : std::get_if<ControlDone>(&entries_.back().event.what);
    return done != nullptr && done->kind == ControlKind::kSuspend;
  }

 private:
  std::function<Duration()> offline_work_;
  std::vector<Entry> entries_;
  std::vector<Decision> decisions_;
};

class SchedulerTest : public ScheduledTest {
 protected:
  Recorder recorder() {
    return Recorder([this] { return progress(offline()).work; });
  }
};
GPREEMPT_IN_EVERY_WORLD(SchedulerTest);

TEST_P(SchedulerTest, SuspendPolicySuspendsOfflineWhileOnlineWorks) {
  constexpr std::uint32_t kRequests = 3;
  prepare("suspend", online_service(kRequests, milliseconds(200)));
  Recorder record = recorder();
  testbed().start();
  drive_for(milliseconds(200) * kRequests + seconds(1), record);

  EXPECT_EQ(progress(online()).requests_completed, kRequests);
  // One decision to suspend and one to resume per busy period, in turn.
  ASSERT_EQ(record.decisions().size(), 2U * kRequests);
  for (std::size_t i = 0; i < record.decisions().size(); ++i) {
    const bool suspends = i % 2 == 0;
    EXPECT_EQ(record.decisions()[i].verdict, suspends ? Verdict::kSuspend : Verdict::kRun);
    EXPECT_EQ(record.decisions()[i].target, offline_target());
  }
  std::size_t suspended = 0;
  Duration work_when_suspended{};
  for (const Recorder::Entry& entry : record.entries()) {
    const auto* const done = std::get_if<ControlDone>(&entry.event.what);
    if (done != nullptr && done->kind == ControlKind::kSuspend) {
      ++suspended;
      work_when_suspended = entry.offline_work;
    }
    if (std::holds_alternative<WorkFinished>(entry.event.what)) {
      EXPECT_EQ(entry.offline_work, work_when_suspended);
    }
  }
  EXPECT_EQ(suspended, kRequests);
  // And it runs again afterwards.
  EXPECT_GT(progress(offline()).work, work_when_suspended);
  EXPECT_TRUE(scheduler().quiescent());
  EXPECT_TRUE(makes_progress(offline()));
}

TEST_P(SchedulerTest, PolicyNoneNeverCallsTheDriver) {
  constexpr std::uint32_t kRequests = 3;
  prepare("none", online_service(kRequests, milliseconds(50)));
  Recorder record = recorder();
  testbed().start();
  drive_for(seconds(1), record);
  EXPECT_EQ(progress(online()).requests_completed, kRequests);
  // Nor did it while the tenants were attached.
  EXPECT_TRUE(testbed().driver_calls().empty());
  EXPECT_TRUE(record.decisions().empty());
}

TEST_P(SchedulerTest, OfflineAttachedWhileOnlineWorksIsSuspendedRightAfterIt) {
  prepare_service("suspend", online_service(1, milliseconds(1)));
  testbed().start();
  struct Ends final : EventSink {
    void event(const Event& event) override {
      began = began || std::holds_alternative<WorkArrived>(event.what);
      ended = ended || std::holds_alternative<WorkFinished>(event.what);
      if (const auto* const done = std::get_if<ControlDone>(&event.what)) {
        suspended_in_time = done->kind == ControlKind::kSuspend && !ended;
        attached_for = event.at - attached;
      }
      if (std::holds_alternative<AttachDone>(event.what)) {
        attached = event.at;
      }
    }
    bool began = false;
    bool ended = false;
    bool suspended_in_time = false;
    Instant attached;
    Duration attached_for{};
  } ends;
  drive_for(seconds(1), ends, [&] { return ends.began; });
  attach_offline();
  drive_for(seconds(1), ends, [&] { return ends.suspended_in_time || ends.ended; });
  EXPECT_TRUE(ends.suspended_in_time);
  EXPECT_LT(ends.attached_for, milliseconds(10));  // half a request
}

TEST_P(SchedulerTest, QueueBornWhileItsProcessIsSuspendedIsSuspendedToo) {
  prepare("suspend", online_service(1, milliseconds(1)));
  Recorder record = recorder();
  testbed().start();
  drive_for(seconds(1), record, [&] { return record.suspended_now(); });
  ASSERT_TRUE(record.suspended_now());
  ASSERT_TRUE(testbed().create_queue(offline()));
  drive_for(milliseconds(5), record);
  const std::vector<QueueInfo> queues = backend().queues(offline_target());
  ASSERT_EQ(queues.size(), 2U);
  EXPECT_EQ(queues.back().state, QueueState::kSuspended);
  ASSERT_EQ(record.decisions().size(), 2U);
  EXPECT_EQ(record.decisions().back().reason, Reason::kLateQueue);
  drive_for(seconds(1), record);
  EXPECT_EQ(backend().queues(offline_target()).back().state, QueueState::kRunning);
  EXPECT_TRUE(scheduler().quiescent());
}

TEST_P(SchedulerTest, QueueDestroyedWhileSuspendedReturnsWhenOnlineIsServed) {
  prepare("suspend", online_service(1, milliseconds(1)));
  ASSERT_TRUE(testbed().create_queue(offline()));
  Recorder record = recorder();
  drive_for(milliseconds(50), record);
  testbed().start();
  drive_for(seconds(1), record, [&] { return record.suspended_now(); });
  ASSERT_TRUE(testbed().destroy_queue(offline()));
  drive_for(milliseconds(5), record);
  EXPECT_EQ(testbed().calls_in_driver(offline()), 1U);
  drive_for(seconds(1), record);
  EXPECT_EQ(testbed().calls_in_driver(offline()), 0U);
  EXPECT_TRUE(scheduler().quiescent());
  EXPECT_TRUE(makes_progress(offline()));
}

TEST_P(SchedulerTest, ShutDownLeavesNothingSuspended) {
  prepare("suspend", online_service(1, milliseconds(1)));
  Recorder record = recorder();
  testbed().start();
  drive_for(seconds(1), record, [&] { return record.suspended_now(); });
  ASSERT_TRUE(record.suspended_now());
  EXPECT_FALSE(scheduler().quiescent());
  const Result<void> rested =
      drive_to_rest(backend(), scheduler(), record, saturating_add(backend().now(), kPatience));
  ASSERT_TRUE(rested) << sentence(rested);
  EXPECT_EQ(backend().queues(offline_target()).at(0).state, QueueState::kRunning);
  EXPECT_TRUE(makes_progress(offline()));
}

TEST_P(SchedulerTest, DecisionsPrecedeTheirDriverCalls) {
  constexpr std::uint32_t kRequests = 2;
  prepare("suspend", online_service(kRequests, milliseconds(200)));
  const std::size_t before = testbed().driver_calls().size();
  Recorder record = recorder();
  testbed().start();
  drive_for(seconds(2), record);
  const std::vector<DriverCall>& calls = testbed().driver_calls();
  ASSERT_EQ(calls.size() - before, record.decisions().size());
  for (std::size_t i = 0; i < record.decisions().size(); ++i) {
    const Decision& decision = record.decisions()[i];
    EXPECT_LE(decision.at, calls[before + i].called);
    EXPECT_EQ(calls[before + i].kind,
              decision.verdict == Verdict::kSuspend ? ControlKind::kSuspend : ControlKind::kResume);
  }
}

}  // namespace
}  // namespace gpreempt::contract
