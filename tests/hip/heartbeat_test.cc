// Goal: gaps of a heartbeat become bystander time, and requests are told apart by whether it ran.
#include "workloads/hip/heartbeat.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "core/testbed.h"
#include "core/time.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/heartbeat_log.h"

namespace gpreempt::hip {
namespace {

using std::chrono::microseconds;

/// 10 ns a tick, tick 0 at 1 ms.
constexpr ClockFit kClock{
    .origin_ticks = 0, .origin = Instant(std::chrono::milliseconds(1)), .ns_per_tick = 10};

TEST(Heartbeat, CountsWhatAGapIsLongerThanAPeriod) {
  // A beat every 100 ticks (1 us) from 0 on, but none for 5,000 and for 20,000 ticks. 901 beats:
  // 898 periods of 100, and two gaps.
  const HeartbeatLog log{.first_ticks = 0,
                         .last_ticks = 898 * 100 + 25'000,
                         .beats = 901,
                         .gaps_seen = 2,
                         .gaps = {{.from_ticks = 10'000, .to_ticks = 15'000},
                                  {.from_ticks = 40'000, .to_ticks = 60'000}}};
  const HeartbeatSummary summary = summarise(log, kClock);
  EXPECT_EQ(summary.period, microseconds(1));
  EXPECT_EQ(summary.bystander, microseconds(49 + 199));
  EXPECT_EQ(summary.longest, microseconds(199));
  ASSERT_EQ(summary.absences.size(), 2U);
  EXPECT_EQ(summary.absences.at(0).from, instant_from_ns(1'000'000 + 100'000));
  EXPECT_EQ(summary.absences.at(1).to, instant_from_ns(1'000'000 + 600'000));
  EXPECT_EQ(summary.not_kept, 0U);
}

TEST(Heartbeat, TellsTheSameSumWhileItRuns) {
  // The same beats, seen after the first gap and after the second one.
  BystanderTime time;
  time.add({.first_ticks = 0, .last_ticks = 5000, .beats = 51}, kClock);
  EXPECT_EQ(time.total(), Duration{});
  time.add({.first_ticks = 0,
            .last_ticks = 15'000,
            .beats = 102,
            .gaps_seen = 1,
            .gaps = {{.from_ticks = 10'000, .to_ticks = 15'000}}},
           kClock);
  EXPECT_EQ(time.total(), microseconds(49));
  time.add({.first_ticks = 0,
            .last_ticks = 60'000,
            .beats = 353,
            .gaps_seen = 2,
            .gaps = {{.from_ticks = 40'000, .to_ticks = 60'000}}},
           kClock);
  EXPECT_EQ(time.total(), microseconds(49 + 199));
  EXPECT_EQ(time.gaps(), 2U);
}

TEST(Heartbeat, SaysThatGapsAreMissing) {
  const HeartbeatLog log{
      .first_ticks = 0, .last_ticks = 9000, .beats = 11, .gaps_seen = 3, .gaps = {{0, 8000}}};
  EXPECT_EQ(summarise(log, kClock).not_kept, 2U);
}

TEST(Heartbeat, OfOneThatNeverBeatNothingIsKnown) {
  const HeartbeatSummary summary = summarise({}, kClock);
  EXPECT_EQ(summary.beats, 0U);
  EXPECT_EQ(summary.bystander, Duration{});
}

RequestRecord request(std::int64_t arrival, std::int64_t first, std::int64_t end) {
  return {.arrival = instant_from_ns(arrival),
          .first_wave = instant_from_ns(first),
          .end = instant_from_ns(end)};
}

TEST(HeartbeatEffect, PartsRequestsByWhetherTheHeartbeatRanAllAlong) {
  std::vector<RequestRecord> requests = {
      request(0, 10, 100),                                   // before
      request(950, 960, 1050),                               // across its start: in neither
      request(1100, 1130, 1300),                             // beside it
      request(1400, 1410, 1500), request(3000, 3007, 3050),  // after
  };
  requests.push_back({.arrival = instant_from_ns(1200)});  // never complete
  requests.back().end = kForever;
  const std::vector<HeartbeatWindow> windows = {
      {.from = instant_from_ns(1000), .to = instant_from_ns(2000)}};
  const HeartbeatEffect effect = effect_of(requests, windows);
  EXPECT_EQ(effect.with.requests, 2U);
  EXPECT_EQ(effect.without.requests, 2U);
  ASSERT_TRUE(effect.with.dispatch_delay_p99.has_value());
  EXPECT_EQ(effect.with.dispatch_delay_p99->value, 30);
  EXPECT_EQ(effect.with.latency_p99->value, 200);
  EXPECT_EQ(effect.without.dispatch_delay_p99->value, 10);
  EXPECT_EQ(effect.without.latency_p50->value, 50);
}

}  // namespace
}  // namespace gpreempt::hip
