// Goal: time and events are what the seam promises, so that whoever follows them needs no other
// clock. Method: a busy stretch of suspensions, births and hints is recorded and looked over.
#include "core/event.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;

constexpr Suspend kShortSuspend{.grace = std::nullopt, .lease = milliseconds(15)};

class EventTest : public BackendTest {};
GPREEMPT_IN_EVERY_WORLD(EventTest);

class ClockTest : public BackendTest {};
GPREEMPT_IN_EVERY_WORLD(ClockTest);

class WatchTest : public BackendTest {};
GPREEMPT_IN_EVERY_WORLD(WatchTest);

TEST_P(EventTest, EventsComeInTheOrderOfTheirInstants) {
  attach(launch(online_service(6, milliseconds(30))), AttachMode::kObserve);
  const Training training = start_training();
  const Attached other = attach(launch(offline_training(2)));
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(backend().control(training.target.id, training.target.queues, kShortSuspend));
    ASSERT_TRUE(backend().control(other.id, other.queues, kShortSuspend));
    ASSERT_TRUE(testbed().create_queue(training.pid));
    serve_for(milliseconds(60));
  }
  EXPECT_EQ(count_of<ControlDone>(log()), 8U);
  EXPECT_GT(count_of<LeaseExpired>(log()), 0U);
  EXPECT_GT(count_of<WorkArrived>(log()), 0U);
  EXPECT_TRUE(std::is_sorted(log().begin(), log().end(),
                             [](const Event& a, const Event& b) { return a.at < b.at; }));
  EXPECT_LE(log().back().at, backend().now());
}

TEST_P(EventTest, WaitWithoutAnEventEndsAtItsDeadline) {
  const Instant deadline = backend().now() + milliseconds(10);
  const Result<std::optional<Event>> next = backend().next_event(deadline);
  ASSERT_TRUE(next) << sentence(next);
  EXPECT_FALSE(next->has_value());
  EXPECT_GE(backend().now(), deadline);
}

TEST_P(EventTest, DeadlineThatIsPastEndsTheWaitAtOnce) {
  const Instant before = backend().now();
  const Result<std::optional<Event>> next = backend().next_event(before);
  ASSERT_TRUE(next) << sentence(next);
  EXPECT_FALSE(next->has_value());
  EXPECT_LT(backend().now(), before + milliseconds(100));
}

TEST_P(EventTest, EventsWaitUntilTheyAreServed) {
  const Training training = start_training();
  ASSERT_TRUE(backend().control(training.target.id, training.target.queues,
                                Suspend{.grace = std::nullopt, .lease = kLongLease}));
  wait(milliseconds(200));
  const Instant served = backend().now();
  const ControlDone done = await<ControlDone>();
  EXPECT_LT(done.done, served);
  EXPECT_EQ(log().back().at, done.done);
}

TEST_P(EventTest, HintsTellOfEveryRequestInOrder) {
  constexpr std::uint32_t kRequests = 5;
  const Pid pid = launch(online_service(kRequests, milliseconds(30)));
  const Attached target = attach(pid, AttachMode::kObserve);
  testbed().start();
  serve_for(milliseconds(30) * kRequests + milliseconds(500));
  std::vector<std::uint64_t> arrived;
  std::vector<std::uint64_t> finished;
  for (const Event& event : log()) {
    if (const auto* const arrival = std::get_if<WorkArrived>(&event.what)) {
      EXPECT_EQ(arrival->target, target.id);
      arrived.push_back(arrival->request);
    }
    if (const auto* const end = std::get_if<WorkFinished>(&event.what)) {
      finished.push_back(end->request);
      EXPECT_LE(finished.size(), arrived.size());
    }
  }
  const std::vector<std::uint64_t> all{0, 1, 2, 3, 4};
  EXPECT_EQ(arrived, all);
  EXPECT_EQ(finished, all);
}

TEST_P(ClockTest, ClockNeverGoesBack) {
  const Training training = start_training();
  Instant last = backend().now();
  const auto expect_later = [&] {
    const Instant now = backend().now();
    EXPECT_GE(now, last);
    last = now;
  };
  for (int i = 0; i < 5; ++i) {
    suspend(training.target);
    expect_later();
    wait(milliseconds(3));
    expect_later();
    resume(training.target);
    expect_later();
  }
}

TEST_P(ClockTest, ClockAdvancesByWhatIsWaited) {
  const Instant before = backend().now();
  wait(milliseconds(10));
  EXPECT_GE(backend().now(), before + milliseconds(10));
}

TEST_P(WatchTest, WatchedTargetTurnsBusyAndIdleInTurn) {
  if (!backend().info().watch.empty()) {
    GTEST_SKIP() << backend().info().watch;
  }
  constexpr std::uint32_t kRequests = 3;
  const Attached target =
      attach(launch(online_service(kRequests, milliseconds(100))), AttachMode::kObserve);
  const Result<void> watched = backend().watch(target.id, milliseconds(1));
  ASSERT_TRUE(watched) << sentence(watched);
  testbed().start();
  serve_for(milliseconds(100) * kRequests + milliseconds(500));
  std::size_t edges = 0;
  for (const Event& event : log()) {
    if (const auto* const edge = std::get_if<ActivityEdge>(&event.what)) {
      EXPECT_EQ(edge->target, target.id);
      EXPECT_EQ(edge->busy, edges % 2 == 0);
      ++edges;
    }
  }
  EXPECT_EQ(edges, 2U * kRequests);
}

TEST_P(WatchTest, PeriodThatIsNotPositiveIsRefused) {
  if (!backend().info().watch.empty()) {
    GTEST_SKIP() << backend().info().watch;
  }
  const Attached target = attach(launch(online_service(1, milliseconds(1))), AttachMode::kObserve);
  EXPECT_EQ(code_of(backend().watch(target.id, Duration::zero())), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace gpreempt::contract
