// Goal: the price of a suspension is known: who else is preempted by it, and for how long.
// Method: an Online service that nobody controls runs beside an Offline job that is controlled.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/occupancy.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;

Duration sum_of(const std::array<Duration, kDriverPhases>& phases) {
  return std::accumulate(phases.begin(), phases.end(), Duration::zero());
}

Duration phase_of(const DriverCall& call, DriverPhase phase) {
  return call.phases.at(static_cast<std::size_t>(phase));
}

class BystanderTest : public BackendTest {
 protected:
  /// An Online service that is busy until it is done, and an Offline job that can be suspended.
  struct Pair {
    Program service;
    Pid online;
    Training offline;
  };
  Pair start_pair(std::uint32_t offline_gpu = 0) {
    Pair pair{.service = online_service(20, Duration::zero()), .online = {}, .offline = {}};
    pair.online = launch(pair.service);
    Program training = offline_training();
    training.gpu = offline_gpu;
    pair.offline.pid = launch(training);
    start_and_wait_for_work(pair.offline.pid);
    pair.offline.target = attach(pair.offline.pid);
    return pair;
  }
};
GPREEMPT_IN_EVERY_WORLD(BystanderTest);

TEST_P(BystanderTest, SuspendingOneTenantPreemptsTheBystander) {
  const Pair pair = start_pair();
  const Duration before = progress(pair.online).bystander;
  suspend(pair.offline.target);
  wait_for_end_of(pair.online, pair.service);
  EXPECT_GT(progress(pair.online).bystander, before);
  // It lost time and nothing else.
  const Total total = total_of(pair.service);
  EXPECT_EQ(progress(pair.online).requests_completed, total.requests);
  EXPECT_EQ(progress(pair.online).kernels, total.kernels);
  EXPECT_EQ(progress(pair.online).work, total.work);
}

TEST_P(BystanderTest, EachSuspendAndEachResumePreemptsIt) {
  const Pair pair = start_pair();
  for (const bool suspends : {true, false, true, false}) {
    const Duration before = progress(pair.online).bystander;
    suspends ? suspend(pair.offline.target) : resume(pair.offline.target);
    // The mapping goes on after the driver's call has returned.
    wait(milliseconds(5));
    EXPECT_GT(progress(pair.online).bystander, before) << (suspends ? "suspend" : "resume");
  }
}

TEST_P(BystanderTest, DriverUnmapsAndMapsInEachSuspendAndEachResume) {
  const Pair pair = start_pair();
  const std::size_t first = testbed().driver_calls().size();
  suspend(pair.offline.target);
  resume(pair.offline.target);
  const std::vector<DriverCall> calls(
      testbed().driver_calls().begin() + static_cast<std::ptrdiff_t>(first),
      testbed().driver_calls().end());
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls.front().kind, ControlKind::kSuspend);
  EXPECT_EQ(calls.back().kind, ControlKind::kResume);
  for (const DriverCall& call : calls) {
    EXPECT_EQ(call.target, pair.offline.pid);
    EXPECT_GT(phase_of(call, DriverPhase::kUnmap), Duration::zero()) << to_string(call.kind);
    EXPECT_GT(phase_of(call, DriverPhase::kMap), Duration::zero()) << to_string(call.kind);
    // Waves of the service are saved too; in the resume there are no others.
    EXPECT_GT(call.saved_bytes, 0U) << to_string(call.kind);
  }
}

TEST_P(BystanderTest, PartsOfADriverCallSumToTheWhole) {
  const Pair pair = start_pair();
  suspend(pair.offline.target);
  resume(pair.offline.target);
  ASSERT_FALSE(testbed().driver_calls().empty());
  for (const DriverCall& call : testbed().driver_calls()) {
    EXPECT_EQ(sum_of(call.phases), call.done - call.called) << to_string(call.kind);
  }
}

TEST_P(BystanderTest, PartsOfARequestSumToItsLatency) {
  const Pair pair = start_pair();
  suspend(pair.offline.target);
  resume(pair.offline.target);
  wait_for_end_of(pair.online, pair.service);
  ASSERT_EQ(testbed().requests(pair.online).size(), pair.service.arrivals.size());
  for (const RequestRecord& request : testbed().requests(pair.online)) {
    EXPECT_LE(request.arrival, request.first_wave);
    EXPECT_LT(request.first_wave, request.end);
    EXPECT_EQ(sum_of(request.phases), request.end - request.arrival) << request.request;
  }
}

TEST_P(BystanderTest, TargetIsNoBystanderOfItsOwnSuspension) {
  const Training training = start_training();
  const Duration before = progress(training.pid).bystander;
  suspend(training.target);
  resume(training.target);
  wait(milliseconds(5));
  EXPECT_EQ(progress(training.pid).bystander, before);
}

TEST_P(BystanderTest, RecordedOccupancyAccountsForAllOfItsTime) {
  const Pair pair = start_pair();
  wait(milliseconds(5));  // attaching maps the queues anew
  if (const Result<void> recording = testbed().record_occupancy(10'000); !recording) {
    GTEST_SKIP() << recording.error().what;
  }
  const Duration before = progress(pair.online).bystander;
  suspend(pair.offline.target);
  wait(milliseconds(5));
  resume(pair.offline.target);
  wait(milliseconds(5));
  Duration shown{};
  std::map<std::uint32_t, Instant> off;  // of the service's queues
  std::vector<Occupancy> target;
  for (const OccupancyChange& change : testbed().occupancy().changes) {
    if (change.pid == pair.offline.pid && change.queue == 0) {
      target.push_back(change.state);
    } else if (change.pid == pair.online && change.state == Occupancy::kBystander) {
      off.emplace(change.queue, change.at);
    } else if (const auto since = off.find(change.queue);
               change.pid == pair.online && since != off.end()) {
      shown += change.at - since->second;
      off.erase(since);
    }
  }
  EXPECT_TRUE(off.empty());
  EXPECT_GT(shown, Duration::zero());
  EXPECT_EQ(shown, progress(pair.online).bystander - before);
  ASSERT_FALSE(target.empty());
  EXPECT_EQ(target.front(), Occupancy::kRunning);
  EXPECT_EQ(std::ranges::count(target, Occupancy::kBystander), 0);
  EXPECT_GE(std::ranges::count(target, Occupancy::kSuspended), 1);
  EXPECT_EQ(target.back(), Occupancy::kRunning);
}

TEST_P(BystanderTest, ProcessOnAnotherGpuIsLeftAlone) {
  if (backend().info().gpus.size() < 2) {
    GTEST_SKIP() << "needs two GPUs, this world has one";
  }
  const Pair pair = start_pair(1);
  // Enabling a debug session remaps every GPU, and the first suspend may evict the process from all
  // of them for 1 ms; both go on after the call.
  suspend(pair.offline.target);
  resume(pair.offline.target);
  wait(milliseconds(5));
  const Duration before = progress(pair.online).bystander;
  suspend(pair.offline.target);
  resume(pair.offline.target);
  wait(milliseconds(5));
  EXPECT_EQ(progress(pair.online).bystander, before);
  EXPECT_EQ(backend().queues(pair.offline.target.id).at(0).gpu, backend().info().gpus.at(1).id);
}

}  // namespace
}  // namespace gpreempt::contract
