// Goal: a backend knows every queue in time, and the driver refuses those nobody looked at.
// Method: queues are made before and after attaching; the driver's own interface is asked directly.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <variant>
#include <vector>

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

class QueueTest : public BackendTest {
 protected:
  void create_queue(Pid pid) {
    const Result<void> created = testbed().create_queue(pid);
    ASSERT_TRUE(created) << sentence(created);
  }
  std::vector<std::uint32_t> snapshot(Pid pid, bool clear_new) {
    const auto ids = testbed().probe().snapshot(pid, clear_new);
    EXPECT_TRUE(ids) << sentence(ids);
    return ids.value_or(std::vector<std::uint32_t>{});
  }
  std::vector<Outcome> suspend_raw(Pid pid, std::vector<std::uint32_t> ids) {
    const auto outcomes = testbed().probe().suspend(pid, std::move(ids));
    EXPECT_TRUE(outcomes) << sentence(outcomes);
    return outcomes.value_or(std::vector<Outcome>{});
  }
};
GPREEMPT_IN_EVERY_WORLD(QueueTest);

TEST_P(QueueTest, NewQueueIsRefusedUntilASnapshot) {
  const Pid pid = launch(offline_training());
  const Result<void> enabled = testbed().probe().enable(pid);
  ASSERT_TRUE(enabled) << sentence(enabled);
  const std::vector<std::uint32_t> old = snapshot(pid, true);
  ASSERT_EQ(old.size(), 1U);
  create_queue(pid);

  // Looking without clearing changes nothing.
  const std::vector<std::uint32_t> all = snapshot(pid, false);
  ASSERT_EQ(all.size(), 2U);
  const std::uint32_t born = all.front();  // the newest first
  EXPECT_NE(born, old.front());
  using Outcomes = std::vector<Outcome>;
  EXPECT_EQ(suspend_raw(pid, {born}), Outcomes{Outcome::kInvalid});
  EXPECT_EQ(suspend_raw(pid, {born, old.front()}), (Outcomes{Outcome::kInvalid, Outcome::kOk}));

  snapshot(pid, true);
  EXPECT_EQ(suspend_raw(pid, {born}), Outcomes{Outcome::kOk});
  const auto resumed = testbed().probe().resume(pid, {born, old.front()});
  ASSERT_TRUE(resumed) << sentence(resumed);
  EXPECT_EQ(*resumed, (Outcomes{Outcome::kOk, Outcome::kOk}));
  const Result<void> disabled = testbed().probe().disable(pid);
  EXPECT_TRUE(disabled) << sentence(disabled);
}

TEST_P(QueueTest, EndOfADebugSessionResumes) {
  const Pid pid = launch(offline_training());
  start_and_wait_for_work(pid);
  ASSERT_TRUE(testbed().probe().enable(pid));
  EXPECT_EQ(suspend_raw(pid, snapshot(pid, true)), std::vector<Outcome>{Outcome::kOk});
  const ProgramProgress before = progress(pid);
  wait(milliseconds(50));
  EXPECT_EQ(progress(pid).work, before.work);
  const Result<void> disabled = testbed().probe().disable(pid);
  EXPECT_TRUE(disabled) << sentence(disabled);
  EXPECT_TRUE(makes_progress(pid));
}

TEST_P(QueueTest, EveryQueueIsReportedBeforeTheAttachIsDone) {
  constexpr std::uint32_t kQueues = 3;
  const Attached target = attach(launch(offline_training(kQueues)));
  ASSERT_FALSE(log().empty());
  EXPECT_TRUE(std::holds_alternative<AttachDone>(log().back().what));
  std::vector<QueueId> born;
  std::set<std::uint32_t> kernel_ids;
  for (const Event& event : log()) {
    if (const auto* const birth = std::get_if<QueueBorn>(&event.what)) {
      EXPECT_EQ(birth->queue.target, target.id);
      EXPECT_EQ(birth->queue.state, QueueState::kRunning);
      born.push_back(birth->queue.id);
      kernel_ids.insert(birth->queue.kernel_id);
    }
  }
  // Oldest first, like queues(); each with an id of its own, here and in the driver.
  EXPECT_EQ(born, target.queues);
  EXPECT_EQ(std::set<QueueId>(born.begin(), born.end()).size(), kQueues);
  EXPECT_EQ(kernel_ids.size(), kQueues);
}

TEST_P(QueueTest, QueueMadeWhileAttachedIsReportedAndCanBeSuspended) {
  const Training training = start_training();
  create_queue(training.pid);
  const QueueInfo born = await<QueueBorn>().queue;
  EXPECT_EQ(born.target, training.target.id);
  EXPECT_NE(born.id, training.target.queues.front());

  const std::vector<QueueInfo> queues = backend().queues(training.target.id);
  ASSERT_EQ(queues.size(), 2U);
  EXPECT_EQ(queues.front().id, training.target.queues.front());
  EXPECT_EQ(queues.back().id, born.id);
  suspend(Attached{.id = training.target.id, .queues = {queues.front().id, born.id}});
  EXPECT_EQ(backend().queues(training.target.id).back().state, QueueState::kSuspended);
}

TEST_P(QueueTest, QueueMadeWhileOthersAreSuspendedRuns) {
  const Training training = start_training();
  suspend(training.target);
  const ProgramProgress before = progress(training.pid);
  create_queue(training.pid);
  EXPECT_EQ(await<QueueBorn>().queue.state, QueueState::kRunning);
  wait(milliseconds(50));
  // Its birth wakes nobody.
  EXPECT_EQ(progress(training.pid).work, before.work);
}

TEST_P(QueueTest, QueueIsReportedOnce) {
  const Training training = start_training();
  constexpr int kQueues = 3;
  for (int i = 0; i < kQueues; ++i) {
    create_queue(training.pid);
    suspend(training.target);
    resume(training.target);
  }
  serve_for(milliseconds(100));
  EXPECT_EQ(count_of<QueueBorn>(log()), 1U + kQueues);
  EXPECT_EQ(count_of<QueueGone>(log()), 0U);
}

TEST_P(QueueTest, EveryQueueIsOnAGpuOfTheBackend) {
  const Training training = start_training();
  const BackendInfo& info = backend().info();
  ASSERT_FALSE(info.gpus.empty());
  for (const QueueInfo& queue : backend().queues(training.target.id)) {
    EXPECT_EQ(queue.gpu, info.gpus.front().id);
    EXPECT_GT(queue.ring_bytes, 0U);
  }
}

}  // namespace
}  // namespace gpreempt::contract
