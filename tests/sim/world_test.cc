// Goal: SimGrid changes nothing. The same models under the same driver give the same log on a plain
// timeline and in the world, with run-ahead on and off; what blocks in the world wakes in order; a
// deadlock names who waits for what. One engine per process: CTest runs each test in its own.
#include "backends/sim/world.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "backends/sim/model_file.h"
#include "backends/sim/sim_testbed.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "core/backend.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event_log.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// A second of Online requests beside endless Offline work under `suspend`: everything that
/// happened, as text.
std::string busy_second(Timeline& timeline) {
  SystemOptions options{.gpu = find_model("mi308x", 8).value().point,
                        .gpus = 1,
                        .personality = {.name = "dkms-6.12.12"}};
  const std::unique_ptr<Testbed> testbed = open_sim_testbed(timeline, options);
  Program online{
      .name = "online",
      .hints = true,
      .trains = {{{.count = 40, .duration = microseconds(60), .shape = small_workgroups(240)}}}};
  for (int i = 0; i < 150; ++i) {
    online.arrivals.push_back(Arrival{.at = microseconds(6007 * i)});
  }
  Program offline{
      .name = "offline",
      .offline = true,
      .queues = 3,
      .endless = true,
      .trains = {{{.count = 5, .duration = microseconds(367), .shape = small_workgroups(1280)}}}};
  const Pid online_pid = testbed->launch(std::move(online)).value();
  const Pid offline_pid = testbed->launch(std::move(offline)).value();
  Backend& backend = testbed->backend();
  Scheduler scheduler(make_policy("suspend").value(), {});
  std::string text;
  EventLog log(text, {.scenario = "busy second", .policy = "suspend", .seed = 1});
  const TargetId online_target = backend.attach(online_pid, AttachMode::kObserve).value();
  const TargetId offline_target = backend.attach(offline_pid, AttachMode::kControl).value();
  EXPECT_TRUE(scheduler
                  .add_tenant({.name = "online",
                               .cls = TenantClass::kOnline,
                               .priority = 15,
                               .targets = {online_target}})
                  .has_value());
  EXPECT_TRUE(scheduler
                  .add_tenant({.name = "offline",
                               .cls = TenantClass::kOffline,
                               .priority = 2,
                               .targets = {offline_target}})
                  .has_value());
  EXPECT_TRUE(drive(backend, scheduler, log, backend.now() + milliseconds(20)).has_value());
  const Instant begin = testbed->start();
  EXPECT_TRUE(drive(backend, scheduler, log, begin + std::chrono::seconds(1)).has_value());
  EXPECT_TRUE(drive_to_rest(backend, scheduler, log, begin + std::chrono::seconds(2)).has_value());
  EXPECT_TRUE(backend.close().has_value());
  EXPECT_GT(testbed->driver_calls().size(), 100U);
  text += std::to_string(testbed->engine_events());
  return text;
}

std::string busy_second_in(World& world) {
  std::string text;
  EXPECT_TRUE(world.run([&] { text = busy_second(world.timeline()); }).has_value());
  return text;
}

TEST(WorldTest, GivesTheLogOfThePlainTimelineBitForBit) {
  PlainTimeline plain;
  const std::string expected = busy_second(plain);
  World world;
  EXPECT_EQ(busy_second_in(world), expected);
  // And again in the same engine, whose clock has moved on.
  EXPECT_EQ(busy_second_in(world), expected);
}

TEST(WorldTest, GivesTheSameLogWithoutRunAhead) {
  PlainTimeline plain;
  const std::string expected = busy_second(plain);
  World world(World::Options{.run_ahead = false});
  EXPECT_EQ(busy_second_in(world), expected);
}

TEST(WorldTest, PartiesWakeInOrderAndOnTime) {
  World world;
  std::string log;
  const Result<void> run = world.run([&] {
    Timeline& timeline = world.timeline();
    const auto sleeper = [&](char name, Duration duration) {
      return [&log, &timeline, name, duration] {
        const std::unique_ptr<Waiter> waiter = timeline.make_waiter("time");
        EXPECT_FALSE(waiter->wait(timeline.now() + duration).value());
        log += name;
        EXPECT_EQ(timeline.now() - Instant{}, duration);
      };
    };
    World::Party& slow = world.spawn("slow", sleeper('s', microseconds(30)));
    world.spawn("fast", sleeper('f', microseconds(10)));
    log += '0';  // a spawned party does not run before the spawner blocks
    world.join(slow);
    log += 'j';
  });
  EXPECT_TRUE(run.has_value());
  EXPECT_EQ(log, "0fsj");
}

/// Two parties that wait again and again: which of them goes on, in order.
std::string turns_of_two(World::Options options) {
  World world(options);
  std::string log;
  const Result<void> run = world.run([&] {
    Timeline& timeline = world.timeline();
    const auto ticker = [&](char name, Duration period) {
      return [&log, &timeline, name, period] {
        const std::unique_ptr<Waiter> waiter = timeline.make_waiter("time");
        for (Instant next = Instant{} + period; next <= Instant{} + microseconds(12);
             next += period) {
          EXPECT_FALSE(waiter->wait(next).value());
          EXPECT_EQ(timeline.now(), next);
          log += name;
        }
      };
    };
    World::Party& slow = world.spawn("slow", ticker('s', microseconds(3)));
    World::Party& fast = world.spawn("fast", ticker('f', microseconds(2)));
    world.join(slow);
    world.join(fast);
  });
  EXPECT_TRUE(run.has_value());
  return log;
}

// At 2, 3, 4, 6, 8, 9, 10 and 12 us; at 6 and at 12 the slow one has waited for longer.
constexpr auto kTurns = "fsfsffsfsf";

TEST(WorldTest, PartiesOfOneInstantGoOnInTheOrderInWhichTheyBeganToWait) {
  EXPECT_EQ(turns_of_two({}), kTurns);
}

TEST(WorldTest, PartiesOfOneInstantGoOnInTheSameOrderWithoutRunAhead) {
  EXPECT_EQ(turns_of_two({.run_ahead = false}), kTurns);
}

TEST(WorldTest, DeadlockIsAnErrorThatSaysWhoWaitsForWhat) {
  World world;
  bool returned = false;
  const Result<void> run = world.run([&] {
    const std::unique_ptr<Waiter> waiter = world.timeline().make_waiter("a reply that never comes");
    static_cast<void>(waiter->wait(kForever));
    returned = true;
  });
  EXPECT_FALSE(returned);
  ASSERT_FALSE(run.has_value());
  EXPECT_EQ(run.error().code, Errc::kInternal);
  EXPECT_NE(run.error().what.find("main waits for a reply that never comes"), std::string::npos)
      << run.error().what;
}

TEST(WorldTest, KilledPartyIsUnwoundAndTheOthersGoOn) {
  World world;
  bool unwound = false;
  bool survived = false;
  const Result<void> run = world.run([&] {
    struct Mark {
      bool& flag;
      ~Mark() { flag = true; }
    };
    World::Party& victim = world.spawn("victim", [&] {
      const Mark mark{unwound};
      const std::unique_ptr<Waiter> waiter = world.timeline().make_waiter("the end");
      static_cast<void>(waiter->wait(kForever));
      survived = true;
    });
    const std::unique_ptr<Waiter> waiter = world.timeline().make_waiter("time");
    EXPECT_FALSE(waiter->wait(world.timeline().now() + microseconds(5)).value());
    world.kill({&victim});
    EXPECT_TRUE(World::ended(victim));
    EXPECT_FALSE(waiter->wait(world.timeline().now() + microseconds(5)).value());
  });
  EXPECT_TRUE(run.has_value());
  EXPECT_TRUE(unwound);
  EXPECT_FALSE(survived);
}

}  // namespace
}  // namespace gpreempt::sim
