// Goal: more queues than the hardware has slots for take turns; all of them get on, and a
// suspension is one all the same.
// Method: two jobs that need more slots together than the GPU has.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

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

class OversubscriptionTest : public BackendTest {
 protected:
  /// A batch for each of `queues` queues.
  Pid launch_job(std::uint32_t queues) { return launch(offline_batches(queues, queues)); }
  [[nodiscard]] std::uint32_t slots() { return backend().info().gpus.at(0).hqd_slots; }
  void expect_all_done(Pid pid, std::uint32_t batches) {
    const Program job = offline_batches(batches, batches);
    wait_for_end_of(pid, job);
    EXPECT_EQ(progress(pid).requests_completed, total_of(job).requests);
    EXPECT_EQ(progress(pid).kernels, total_of(job).kernels);
    EXPECT_EQ(progress(pid).work, total_of(job).work);
  }
};
GPREEMPT_IN_EVERY_WORLD(OversubscriptionTest);

TEST_P(OversubscriptionTest, EveryQueueGetsItsTurn) {
  const std::uint32_t many = slots() + 6;
  const Pid pid = launch_job(many);
  testbed().start();
  expect_all_done(pid, many);
}

TEST_P(OversubscriptionTest, SuspendedJobGetsNoTurnAndTheOtherIsServed) {
  const std::uint32_t most = slots() - 4;
  const Pid first = launch_job(most);
  const Pid second = launch_job(most);
  testbed().start();
  wait(milliseconds(5));
  const Attached target = attach(first);
  ASSERT_EQ(target.queues.size(), most);
  suspend(target);
  const ProgramProgress before = progress(first);
  expect_all_done(second, most);
  EXPECT_EQ(progress(first).work, before.work);
  EXPECT_EQ(progress(first).kernels, before.kernels);
  resume(target);
  expect_all_done(first, most);
}

TEST_P(OversubscriptionTest, PartOfAJobsQueuesIsSuspendedAndTheRestEnds) {
  const std::uint32_t many = slots() + 6;
  const Pid pid = launch_job(many);
  testbed().start();
  wait(milliseconds(5));
  const Attached all = attach(pid);
  ASSERT_EQ(all.queues.size(), many);
  Attached half{.id = all.id, .queues = {}};
  for (std::uint32_t i = 0; i < many; i += 2) {
    half.queues.push_back(all.queues[i]);
  }
  suspend(half);
  const std::uint64_t ended = progress(pid).requests_completed;
  ASSERT_LT(ended, many / 2);
  const Result<void> rest = wait_until(
      testbed(), [&] { return progress(pid).requests_completed >= many - half.queues.size(); });
  EXPECT_TRUE(rest) << sentence(rest);
  wait(milliseconds(200));
  EXPECT_EQ(progress(pid).requests_completed, many - half.queues.size());
  resume(half);
  expect_all_done(pid, many);
}

TEST_P(OversubscriptionTest, SuspensionThatMakesTheRestFitIsUndoneWithoutLoss) {
  const std::uint32_t many = slots();
  const Pid first = launch_job(many);
  const Pid second = launch_job(many / 2);
  testbed().start();
  const Attached target = attach(second);
  for (int i = 0; i < 6; ++i) {
    wait(milliseconds(2));
    suspend(target);
    wait(milliseconds(2));
    resume(target);
  }
  expect_all_done(first, many);
  expect_all_done(second, many / 2);
}

}  // namespace
}  // namespace gpreempt::contract
