// Goal: being evicted by the driver and being suspended are separate reasons for being off, and a
// queue runs when neither is left.
// Method: a job is evicted before, while and after it is suspended. The driver restores it 100 ms
// after the eviction (PROCESS_RESTORE_TIME_MS of kfd_priv.h).
#include <gtest/gtest.h>

#include <chrono>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;

constexpr Duration kRestored = milliseconds(100);
/// The eviction's and the restore's own time on the GPU.
constexpr Duration kEvictionDone = milliseconds(5);

class EvictionTest : public BackendTest {
 protected:
  void evict(Pid pid) {
    const Result<void> evicted = testbed().evict(pid);
    ASSERT_TRUE(evicted) << sentence(evicted);
    wait(kEvictionDone);
  }
  void expect_off_for(Pid pid, Duration duration) {
    const ProgramProgress before = progress(pid);
    wait(duration);
    EXPECT_EQ(progress(pid).work, before.work);
  }
  /// A job under way that has been suspended before, so that no first touch of its save areas
  /// evicts it besides.
  Training start_warm() {
    Training training = start_training();
    suspend(training.target);
    resume(training.target);
    wait(milliseconds(50));
    EXPECT_TRUE(makes_progress(training.pid));
    return training;
  }
};
GPREEMPT_IN_EVERY_WORLD(EvictionTest);

TEST_P(EvictionTest, EvictedJobIsOffUntilTheDriverRestoresIt) {
  const Training training = start_warm();
  evict(training.pid);
  expect_off_for(training.pid, kRestored - 2 * kEvictionDone);
  wait(3 * kEvictionDone);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(EvictionTest, JobSuspendedWhileEvictedStaysOffAfterItsRestore) {
  const Training training = start_warm();
  evict(training.pid);
  suspend(training.target);
  expect_off_for(training.pid, 3 * kRestored);
  resume(training.target);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(EvictionTest, JobResumedWhileEvictedStaysOffUntilItsRestore) {
  const Training training = start_warm();
  suspend(training.target);
  evict(training.pid);
  resume(training.target);
  EXPECT_EQ(backend().queues(training.target.id).at(0).state, QueueState::kRunning);
  expect_off_for(training.pid, kRestored - 4 * kEvictionDone);
  wait(5 * kEvictionDone);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(EvictionTest, EvictionOfASuspendedJobResumesNothing) {
  const Training training = start_warm();
  suspend(training.target);
  evict(training.pid);
  expect_off_for(training.pid, 3 * kRestored);
  EXPECT_EQ(backend().queues(training.target.id).at(0).state, QueueState::kSuspended);
  resume(training.target);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(EvictionTest, LeaseThatEndsDuringAnEvictionIsReportedAndTheJobRunsOnceRestored) {
  const Training training = start_warm();
  suspend(training.target, milliseconds(30));
  evict(training.pid);
  EXPECT_EQ(await<LeaseExpired>().queues, training.target.queues);
  expect_off_for(training.pid, milliseconds(30));
  wait(kRestored);
  EXPECT_TRUE(makes_progress(training.pid));
}

TEST_P(EvictionTest, EvictionOfOneJobEndsNoSuspensionOfAnother) {
  const Pid other = launch(offline_training());
  const Training training = start_warm();
  suspend(attach(other));
  evict(training.pid);
  expect_off_for(other, 3 * kRestored);
}

TEST_P(EvictionTest, EvictionLosesNoWork) {
  const Program batches = offline_batches(6);
  const Pid pid = launch(batches);
  start_and_wait_for_work(pid);
  const Attached target = attach(pid);
  suspend(target);
  evict(pid);
  resume(target);
  wait_for_end_of(pid, batches);
  EXPECT_EQ(progress(pid).kernels, total_of(batches).kernels);
  EXPECT_EQ(progress(pid).work, total_of(batches).work);
}

TEST_P(EvictionTest, ControllersDeathLeavesAnEvictedJobToItsRestore) {
  const Training training = start_warm();
  suspend(training.target);
  evict(training.pid);
  kill_controller();
  wait(2 * kRestored);
  EXPECT_TRUE(makes_progress(training.pid));
}

}  // namespace
}  // namespace gpreempt::contract
