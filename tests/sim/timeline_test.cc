// Goal: events fire in the order of (time, priority, order of scheduling), whatever was cancelled
// meanwhile.
#include "backends/sim/timeline.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

TEST(TimelineTest, TiesFireByPriorityAndThenInOrderOfScheduling) {
  PlainTimeline timeline;
  std::string log;
  const Instant when = instant_from_ns(5);
  timeline.at(when, [&] { log += 'w'; }, Timeline::kWakeUp);
  timeline.at(when, [&] { log += 'a'; });
  timeline.at(when, [&] { log += 'b'; });
  timeline.at(when, [&] { log += 'c'; }, Timeline::kCompletion);
  timeline.run_until(instant_from_ns(10));
  EXPECT_EQ(log, "cabw");
  EXPECT_EQ(timeline.now(), instant_from_ns(10));
}

TEST(TimelineTest, DateInThePastFiresNow) {
  PlainTimeline timeline;
  timeline.run_until(instant_from_ns(7));
  Instant fired = kForever;
  timeline.at(instant_from_ns(3), [&] { fired = timeline.now(); });
  timeline.run_until(instant_from_ns(8));
  EXPECT_EQ(fired, instant_from_ns(7));
}

TEST(TimelineTest, OldIdOfAReusedSlotCancelsNothing) {
  PlainTimeline timeline;
  const Timeline::EventId old = timeline.at(instant_from_ns(1), [] {});
  timeline.run_until(instant_from_ns(1));
  bool fired = false;
  timeline.at(instant_from_ns(2), [&] { fired = true; });
  timeline.cancel(old);
  timeline.run_until(instant_from_ns(2));
  EXPECT_TRUE(fired);
}

TEST(TimelineTest, RestartDropsWhatIsPendingAndGoesBackToZero) {
  PlainTimeline timeline;
  bool fired = false;
  timeline.at(instant_from_ns(9), [&] { fired = true; });
  timeline.run_until(instant_from_ns(4));
  timeline.restart();
  EXPECT_EQ(timeline.now(), Instant{});
  EXPECT_TRUE(timeline.empty());
  timeline.run_until(instant_from_ns(20));
  EXPECT_FALSE(fired);
}

TEST(TimelineTest, FiresInSortedOrderWhateverIsCancelled) {
  const bool holds = rc::check("sorted order", [] {
    using Item = std::tuple<std::uint16_t, std::int8_t, bool>;
    const auto items = *rc::gen::arbitrary<std::vector<Item>>();
    PlainTimeline timeline;
    std::vector<std::size_t> fired;
    std::vector<Timeline::EventId> ids;
    // The order expected: a stable sort by (time, priority).
    std::map<std::tuple<int, int, std::size_t>, std::size_t> expected;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto& [when, priority, cancelled] = items[i];
      ids.push_back(
          timeline.at(instant_from_ns(when), [&fired, i] { fired.push_back(i); }, priority));
      if (!cancelled) {
        expected[{when, priority, i}] = i;
      }
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (std::get<2>(items[i])) {
        timeline.cancel(ids[i]);
      }
    }
    timeline.run_until(instant_from_ns(70000));
    std::vector<std::size_t> order;
    for (const auto& [key, index] : expected) {
      order.push_back(index);
    }
    RC_ASSERT(fired == order);
  });
  EXPECT_TRUE(holds);
}

TEST(WaiterTest, WakeBeforeTheWaitIsNotLost) {
  PlainTimeline timeline;
  const std::unique_ptr<Waiter> waiter = timeline.make_waiter("a wake");
  waiter->wake();
  EXPECT_TRUE(waiter->wait(instant_from_ns(100)).value_or(false));
  EXPECT_EQ(timeline.now(), Instant{});
}

TEST(WaiterTest, DeadlineEndsTheWaitAtItsInstant) {
  PlainTimeline timeline;
  const std::unique_ptr<Waiter> waiter = timeline.make_waiter("nothing");
  EXPECT_FALSE(waiter->wait(instant_from_ns(100)).value_or(true));
  EXPECT_EQ(timeline.now(), instant_from_ns(100));
}

TEST(WaiterTest, DeadlockSaysWhoWaitsForWhat) {
  PlainTimeline timeline;
  const std::unique_ptr<Waiter> waiter = timeline.make_waiter("godot");
  const Result<bool> woken = waiter->wait(kForever);
  ASSERT_FALSE(woken.has_value());
  EXPECT_EQ(woken.error().code, Errc::kInternal);
  EXPECT_NE(woken.error().what.find("waits for godot"), std::string::npos) << woken.error().what;
}

}  // namespace

}  // namespace gpreempt::sim
