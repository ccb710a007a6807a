// Goal: the test plan's own sequences of calls (T-4, T-8, T-9, T-10, T-12, T-16, T-17) hold in
// every world, shorter than `validate-hardware` has them. Method: what each process did is counted
// before and after each call; in the end nothing is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PlanTest : public BackendTest {
 protected:
  void expect_all_done(Pid pid, const Program& program) {
    wait_for_end_of(pid, program);
    EXPECT_EQ(progress(pid).kernels, total_of(program).kernels) << program.name;
    EXPECT_EQ(progress(pid).work, total_of(program).work) << program.name;
  }
  /// All queues of the target off, in calls of `each`; the time that it cost the bystander.
  Duration cost_of_taking_off(const Attached& target, std::size_t each, Pid bystander) {
    const Duration before = progress(bystander).bystander;
    for (std::size_t at = 0; at < target.queues.size(); at += each) {
      const auto first = target.queues.begin() + static_cast<std::ptrdiff_t>(at);
      suspend(
          Attached{.id = target.id, .queues = {first, first + static_cast<std::ptrdiff_t>(each)}});
    }
    wait(milliseconds(20));
    for (const QueueInfo& queue : backend().queues(target.id)) {
      EXPECT_EQ(queue.state, QueueState::kSuspended);
    }
    return progress(bystander).bystander - before;
  }
};
GPREEMPT_IN_EVERY_WORLD(PlanTest);

// T-4, T-10, T-16: iterations 10 ms apart.
TEST_P(PlanTest, EachOfFiftyIterationsStopsTheJobAndLetsItGoOn) {
  constexpr std::size_t kIterations = 50;
  const Training training = start_training();
  const Instant begin = backend().now();
  for (std::size_t i = 0; i < kIterations; ++i) {
    suspend(training.target);
    const Duration off = progress(training.pid).work;
    wait(milliseconds(10));
    EXPECT_EQ(progress(training.pid).work, off) << "iteration " << i;
    resume(training.target);
    wait(milliseconds(10));
    EXPECT_GT(progress(training.pid).work, off) << "iteration " << i;
  }
  EXPECT_GE(backend().now() - begin, kIterations * milliseconds(20));
  const std::vector<DriverCall>& calls = testbed().driver_calls();
  ASSERT_EQ(calls.size(), 2 * kIterations);
  // The first suspend is apart: it alone may move save areas.
  EXPECT_EQ(std::ranges::count(calls, true, &DriverCall::first_of_process), 1);
  EXPECT_TRUE(calls.front().first_of_process);
  EXPECT_EQ(backend().queues(training.target.id).size(), 1U);
}

// T-8: the script of twelve steps.
TEST_P(PlanTest, JobStopsTheServiceRunsAndTheJobGoesOnToItsEnd) {
  const Program job = offline_batches(40, 4);
  const Pid b = launch(job);
  start_and_wait_for_work(b);
  const Attached target = attach(b);
  ASSERT_EQ(target.queues.size(), 4U);
  suspend(target);
  const std::uint64_t stopped = progress(b).kernels;
  ASSERT_LT(stopped, total_of(job).kernels);
  wait(seconds(2));
  EXPECT_EQ(progress(b).kernels, stopped);

  const Program service = online_service(10, milliseconds(25));
  const Pid a = launch(service);
  testbed().start();
  expect_all_done(a, service);
  EXPECT_EQ(progress(b).kernels, stopped);

  resume(target);
  wait(milliseconds(20));
  EXPECT_GT(progress(b).kernels, stopped);
  expect_all_done(b, job);
}

// T-9: the documents' batches. Each call is a cycle of the whole GPU, however many ids it has.
TEST_P(PlanTest, OneCallForTenQueuesCostsABystanderLessThanTenCalls) {
  constexpr std::size_t kQueues = 10;
  Program service = offline_training();
  service.name = "service";
  service.offline = false;
  const Pid online = launch(service);
  const Pid offline = launch(offline_training(kQueues));
  start_and_wait_for_work(offline);
  const Attached target = attach(offline);
  ASSERT_EQ(target.queues.size(), kQueues);
  suspend(target);  // the first one may move save areas
  resume(target);
  wait(milliseconds(20));
  const std::size_t calls = testbed().driver_calls().size();
  const Duration once = cost_of_taking_off(target, kQueues, online);
  EXPECT_EQ(testbed().driver_calls().size(), calls + 1);
  resume(target);
  wait(milliseconds(20));
  const Duration tenfold = cost_of_taking_off(target, 1, online);
  EXPECT_EQ(testbed().driver_calls().size(), calls + 2 + kQueues);
  EXPECT_GT(once, Duration::zero());
  // Ten cycles for one, each a little cheaper than the one before.
  EXPECT_GT(tenfold, 4 * once);
  resume(target);
  EXPECT_TRUE(makes_progress(offline));
}

// T-12: two models at once, one of them suspended again and again.
TEST_P(PlanTest, TwoModelsHaveQueuesOfTheirOwnAndBothDoAllTheirWork) {
  Program a = offline_batches(12);
  a.name = "a";
  a.offline = false;
  Program b = offline_batches(12, 4);
  b.name = "b";
  const Pid pid_a = launch(a);
  const Pid pid_b = launch(b);
  const Attached seen_a = attach(pid_a, AttachMode::kObserve);
  const Attached target_b = attach(pid_b);
  std::set<std::pair<Pid, std::uint32_t>> keys;
  for (const QueueInfo& queue : backend().queues(seen_a.id)) {
    keys.emplace(pid_a, queue.kernel_id);
  }
  for (const QueueInfo& queue : backend().queues(target_b.id)) {
    keys.emplace(pid_b, queue.kernel_id);
  }
  EXPECT_EQ(keys.size(), 5U);
  testbed().start();
  for (int i = 0; i < 5; ++i) {
    wait(milliseconds(7));
    suspend(target_b);
    const Duration off = progress(pid_b).work;
    wait(milliseconds(3));
    EXPECT_EQ(progress(pid_b).work, off);
    resume(target_b);
  }
  expect_all_done(pid_a, a);
  expect_all_done(pid_b, b);
}

// T-17: queues that come while the process works.
TEST_P(PlanTest, TenNewQueuesOfAWorkingProcessAreKnownOneByOneAndCanAllBeTakenOff) {
  constexpr std::size_t kNew = 10;
  const Training training = start_training();
  for (std::size_t i = 0; i < kNew; ++i) {
    const Result<void> created = testbed().create_queue(training.pid);
    ASSERT_TRUE(created) << sentence(created);
    serve_for(milliseconds(5));
    EXPECT_EQ(backend().queues(training.target.id).size(), 2 + i);
  }
  Attached all{.id = training.target.id, .queues = {}};
  std::set<std::uint32_t> numbers;
  for (const QueueInfo& queue : backend().queues(training.target.id)) {
    all.queues.push_back(queue.id);
    numbers.insert(queue.kernel_id);
  }
  EXPECT_EQ(numbers.size(), 1 + kNew);
  EXPECT_EQ(suspend(all).outcomes.size(), 1 + kNew);
  const Duration off = progress(training.pid).work;
  wait(milliseconds(50));
  EXPECT_EQ(progress(training.pid).work, off);
  resume(all);
  EXPECT_TRUE(makes_progress(training.pid));
}

}  // namespace
}  // namespace gpreempt::contract
