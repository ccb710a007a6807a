// Goal: a target may exit or execute another program at any moment of its control; every request is
// answered once, nobody else is disturbed, and the new program can be controlled.
// Method: it does so in each state of a target, at several points of each request.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
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
using std::chrono::seconds;

/// What a target is in the middle of.
enum class Stage { kAttaching, kRunning, kSuspending, kSuspended, kResuming, kDetaching };
constexpr std::array kStages{Stage::kAttaching, Stage::kRunning,  Stage::kSuspending,
                             Stage::kSuspended, Stage::kResuming, Stage::kDetaching};

std::string_view name_of(Stage stage) {
  switch (stage) {
    case Stage::kAttaching: return "attaching";
    case Stage::kRunning: return "running";
    case Stage::kSuspending: return "suspending";
    case Stage::kSuspended: return "suspended";
    case Stage::kResuming: return "resuming";
    case Stage::kDetaching: return "detaching";
  }
  return "unknown";
}

class LifetimeTest : public BackendTest {
 protected:
  /// A target in a stage; a request is in flight where there is one in it.
  struct Staged {
    Pid pid;
    TargetId id;
    std::vector<QueueId> queues;
  };
  Staged reach(Stage stage) {
    Staged staged;
    staged.pid = launch(offline_training(2));
    start_and_wait_for_work(staged.pid);
    if (stage == Stage::kAttaching) {
      staged.id = backend().attach(staged.pid, AttachMode::kControl).value();
      return staged;
    }
    const Attached target = attach(staged.pid);
    staged.id = target.id;
    staged.queues = target.queues;
    if (stage == Stage::kSuspended || stage == Stage::kResuming) {
      suspend(target);
    }
    if (stage == Stage::kSuspending) {
      EXPECT_TRUE(backend().control(target.id, target.queues, kSuspend));
    } else if (stage == Stage::kResuming) {
      EXPECT_TRUE(backend().control(target.id, target.queues, Resume{}));
    } else if (stage == Stage::kDetaching) {
      EXPECT_TRUE(backend().detach(target.id));
    }
    return staged;
  }
  /// Runs `body` in a fresh world for each stage, at several points of what is in flight in it.
  void in_every_stage(const std::function<void(Stage, const Staged&)>& body) {
    constexpr int kPoints = 6;
    constexpr Duration kStep = std::chrono::microseconds(130);
    for (const Stage stage : kStages) {
      const bool rests = stage == Stage::kRunning || stage == Stage::kSuspended;
      for (int point = 0; point < (rests ? 1 : kPoints); ++point) {
        SCOPED_TRACE(std::string(name_of(stage)) + " " + std::to_string(point));
        reopen();
        const Staged staged = reach(stage);
        if (point > 0) {
          wait(point * kStep);
        }
        body(stage, staged);
      }
    }
  }
  template <class What>
  [[nodiscard]] std::size_t count_for(TargetId id) const {
    std::size_t count = 0;
    for (const Event& event : log()) {
      const auto* const what = std::get_if<What>(&event.what);
      count += what != nullptr && what->target == id ? 1U : 0U;
    }
    return count;
  }
  [[nodiscard]] std::size_t born_for(TargetId id) const {
    return static_cast<std::size_t>(
        std::count_if(log().begin(), log().end(), [id](const Event& event) {
          const auto* const born = std::get_if<QueueBorn>(&event.what);
          return born != nullptr && born->queue.target == id;
        }));
  }
  /// What was asked was answered, and no more.
  void expect_answers(Stage stage, TargetId id) {
    EXPECT_EQ(count_for<AttachDone>(id), 1U);
    const bool suspended = stage == Stage::kSuspending || stage == Stage::kSuspended;
    EXPECT_EQ(count_for<ControlDone>(id), suspended ? 1U : stage == Stage::kResuming ? 2U : 0U);
    EXPECT_EQ(count_for<LeaseExpired>(id), 0U);
  }
  /// Another job is attached, suspended and resumed as ever.
  void expect_good_service() {
    const Pid other = launch(offline_training());
    start_and_wait_for_work(other);
    const Attached target = attach(other);
    suspend(target);
    const ProgramProgress before = progress(other);
    wait(milliseconds(20));
    EXPECT_EQ(progress(other).work, before.work);
    resume(target);
    EXPECT_TRUE(makes_progress(other));
  }
};
GPREEMPT_IN_EVERY_WORLD(LifetimeTest);

TEST_P(LifetimeTest, TargetMayExitInEveryStage) {
  in_every_stage([this](Stage stage, const Staged& staged) {
    testbed().exit(staged.pid);
    serve_for(seconds(1));
    expect_answers(stage, staged.id);
    // One that was let go of meanwhile, or never held, has no end to report.
    const std::size_t ends = count_for<TargetExited>(staged.id) + count_for<DetachDone>(staged.id);
    EXPECT_EQ(ends, stage == Stage::kAttaching && ends == 0 ? 0U : 1U);
    EXPECT_TRUE(backend().queues(staged.id).empty());
    expect_good_service();
  });
}

TEST_P(LifetimeTest, TargetMayExecuteAnotherProgramInEveryStage) {
  in_every_stage([this](Stage stage, const Staged& staged) {
    const Result<void> executed = testbed().exec(staged.pid);
    ASSERT_TRUE(executed) << sentence(executed);
    serve_for(seconds(1));
    expect_answers(stage, staged.id);
    EXPECT_EQ(count_for<TargetExited>(staged.id), 0U);
    if (stage != Stage::kDetaching) {
      EXPECT_EQ(count_for<QueueGone>(staged.id), born_for(staged.id));
    }
    EXPECT_TRUE(backend().queues(staged.id).empty());
    expect_good_service();
  });
}

TEST_P(LifetimeTest, ProgramExecutedInAnyStageStartsItsRuntimeAndItsQueuesCanBeSuspended) {
  in_every_stage([this](Stage stage, const Staged& staged) {
    ASSERT_TRUE(testbed().exec(staged.pid));
    serve_for(seconds(1));
    ASSERT_TRUE(testbed().set_runtime(staged.pid, true));
    serve_for(milliseconds(100));
    EXPECT_EQ(testbed().calls_in_driver(staged.pid), 0U);
    ASSERT_TRUE(testbed().create_queue(staged.pid));
    serve_for(milliseconds(100));
    if (stage == Stage::kDetaching) {
      return;  // nobody's any more, and well
    }
    const std::vector<QueueInfo> queues = backend().queues(staged.id);
    if (stage == Stage::kAttaching && queues.empty()) {
      return;  // the attach had failed
    }
    ASSERT_EQ(queues.size(), 1U);
    const Attached target{.id = staged.id, .queues = {queues.front().id}};
    suspend(target);
    EXPECT_EQ(backend().queues(staged.id).front().state, QueueState::kSuspended);
    resume(target);
  });
}

TEST_P(LifetimeTest, ControllerMayDieRightAfterItsTargetExitedInAnyStage) {
  in_every_stage([this](Stage /*stage*/, const Staged& staged) {
    testbed().exit(staged.pid);
    kill_controller();
    wait(seconds(1));
    const Pid other = launch(offline_training());
    start_and_wait_for_work(other);
    EXPECT_TRUE(makes_progress(other));
  });
}

TEST_P(LifetimeTest, ControllerMayDieRightAfterItsTargetExecutedInAnyStage) {
  in_every_stage([this](Stage /*stage*/, const Staged& staged) {
    ASSERT_TRUE(testbed().exec(staged.pid));
    kill_controller();
    wait(seconds(1));
    // Nothing of the dead one is left on the new program.
    const Result<void> enabled = testbed().probe().enable(staged.pid);
    EXPECT_TRUE(enabled) << sentence(enabled);
  });
}

TEST_P(LifetimeTest, ExecOfAnObservedProcessIsSeenAsTheEndOfItsQueues) {
  const Pid pid = launch(online_service(1, milliseconds(1)));
  const Attached target = attach(pid, AttachMode::kObserve);
  ASSERT_EQ(target.queues.size(), 1U);
  ASSERT_TRUE(testbed().exec(pid));
  EXPECT_EQ(await<QueueGone>().queue, target.queues.front());
  EXPECT_TRUE(backend().queues(target.id).empty());
}

// Others would be off for it for ever: nothing of the program that was busy will ever end.
TEST_P(LifetimeTest, WatchedProcessThatExecutesInTheMiddleOfItsWorkIsIdleThen) {
  if (!backend().info().watch.empty()) {
    GTEST_SKIP() << backend().info().watch;
  }
  const Pid pid = launch(offline_training());
  const Attached target = attach(pid, AttachMode::kObserve);
  const Result<void> watched = backend().watch(target.id, milliseconds(1));
  ASSERT_TRUE(watched) << sentence(watched);
  testbed().start();
  EXPECT_TRUE(await<ActivityEdge>().busy);
  ASSERT_TRUE(testbed().exec(pid));
  EXPECT_FALSE(await<ActivityEdge>().busy);
}

}  // namespace
}  // namespace gpreempt::contract
