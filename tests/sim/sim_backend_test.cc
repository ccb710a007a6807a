// Goal: what the contract suite cannot see because it is the simulator's own: polled detection and
// the engine's counts.
#include "backends/sim/sim_backend.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "backends/sim/sim_testbed.h"
#include "backends/sim/timeline.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// One request of kernels of these lengths at each of `arrivals`.
Program online(const std::vector<Duration>& kernels, const std::vector<Duration>& arrivals) {
  Program program{.name = "online", .trains = {{}}};
  for (const Duration length : kernels) {
    program.trains[0].push_back({.count = 1, .duration = length, .shape = small_workgroups(1)});
  }
  for (const Duration at : arrivals) {
    program.arrivals.push_back(Arrival{.at = at});
  }
  return program;
}

struct Edge {
  Duration at;
  bool busy = false;
  friend bool operator==(const Edge&, const Edge&) = default;
};

std::vector<Edge> edges(Program program, Duration period, bool read_index_early = false,
                        bool skip_ahead = true) {
  PlainTimeline timeline;
  SystemOptions system = free_system();
  system.gpu.read_index_early = read_index_early ? 1 : 0;
  system.skip_ahead = skip_ahead;
  const std::unique_ptr<Testbed> testbed = open_sim_testbed(timeline, system);
  Backend& backend = testbed->backend();
  const Pid pid = testbed->launch(std::move(program)).value();
  const TargetId target = backend.attach(pid, AttachMode::kObserve).value();
  const Instant begin = testbed->start();
  EXPECT_TRUE(backend.next_event(kForever).value().has_value());  // AttachDone
  EXPECT_TRUE(backend.watch(target, period).has_value());
  std::vector<Edge> result;
  for (;;) {
    const std::optional<Event> event = backend.next_event(begin + milliseconds(100)).value();
    if (!event) {
      break;
    }
    if (const auto* edge = std::get_if<ActivityEdge>(&event->what)) {
      result.push_back(Edge{.at = event->at - begin, .busy = edge->busy});
    }
  }
  EXPECT_TRUE(backend.close().has_value());
  return result;
}

TEST(WatchTest, BusyIsSeenAtTheNextPollAndIdleAtTheSecondOne) {
  EXPECT_EQ(edges(online({microseconds(2500)}, {microseconds(1200)}), milliseconds(1)),
            (std::vector<Edge>{{milliseconds(2), true}, {milliseconds(5), false}}));
}

TEST(WatchTest, WorkBetweenTwoPollsShowsByThePositionsThatItMoved) {
  EXPECT_EQ(edges(online({microseconds(100)}, {microseconds(1200)}), milliseconds(1)),
            (std::vector<Edge>{{milliseconds(2), true}, {milliseconds(3), false}}));
}

TEST(WatchTest, GapShorterThanTwoPollsIsNotIdle) {
  EXPECT_EQ(
      edges(online({microseconds(1000)}, {microseconds(500), microseconds(2200)}), milliseconds(1)),
      (std::vector<Edge>{{milliseconds(1), true}, {milliseconds(5), false}}));
}

TEST(WatchTest, RingThatLooksEmptyWhileItsLastKernelRunsIsIdleOnlyWhenThatHasEnded) {
  // It begins at 1.2 ms, which the polls at 2 and 3 ms see; it ends at 3.7 ms, which that at 4
  // does.
  for (const bool skip_ahead : {true, false}) {
    EXPECT_EQ(edges(online({microseconds(2500)}, {microseconds(1200)}), milliseconds(1), true,
                    skip_ahead),
              (std::vector<Edge>{{milliseconds(2), true}, {milliseconds(4), false}}));
  }
}

TEST(WatchTest, EarlyReadIndexSavesAPollIfTheLastKernelHadBegunAtTheOneBefore) {
  struct Case {
    Duration first;
    Duration second;
    Duration idle;
  };
  // From 1.2 to 3.7 ms; the second kernel begins at 2.7 or at 3.2 ms, before or after a poll.
  for (const Case& each : {Case{microseconds(1500), microseconds(1000), milliseconds(4)},
                           Case{microseconds(2000), microseconds(500), milliseconds(5)}}) {
    for (const bool skip_ahead : {true, false}) {
      EXPECT_EQ(edges(online({each.first, each.second}, {microseconds(1200)}), milliseconds(1),
                      true, skip_ahead),
                (std::vector<Edge>{{milliseconds(2), true}, {each.idle, false}}));
    }
  }
}

TEST(LaunchTest, ProgramThatCannotRunIsRefusedWithTheReason) {
  PlainTimeline timeline;
  const std::unique_ptr<Testbed> testbed = open_sim_testbed(timeline, free_system());
  Program huge = online({microseconds(1)}, {});
  huge.trains[0][0].shape.lds_bytes = 1U << 20U;
  EXPECT_FALSE(testbed->launch(huge).has_value());
  Program elsewhere = online({microseconds(1)}, {});
  elsewhere.gpu = 1;
  EXPECT_FALSE(testbed->launch(elsewhere).has_value());
}

}  // namespace
}  // namespace gpreempt::sim
