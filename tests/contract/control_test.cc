// Goal: every control that stops work stops it, loses none of it, and is undone by its counterpart,
// by its lease, by a detach and by the end of its controller.
// Method: an Offline job without end is stopped; its progress is compared. What a world lacks is
// left out, with its reason if that leaves nothing.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
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

/// A control that stops work, and the one that gives the GPU back.
struct Stop {
  Control off;
  Control on;
  bool ends_with_resume = true;
};

std::vector<Stop> stops(Duration lease) {
  const Throttle no_limit_to_speak_of{.in_flight = 1000, .batch = 1, .lease = {}};
  return {{.off = Suspend{.grace = {}, .lease = lease}, .on = Resume{}},
          {.off = Percentage{.percent = 0, .lease = lease}, .on = Percentage{}},
          {.off = SelectiveUnmap{.lease = lease}, .on = Resume{}},
          {.off = Reset{.lease = lease}, .on = Resume{}},
          {.off = KernelBoundary{.lease = lease}, .on = Resume{}},
          {.off = Signal{.number = SIGSTOP, .lease = lease},
           .on = Signal{.number = SIGCONT, .lease = {}}},
          {.off = Throttle{.in_flight = 0, .batch = 1, .lease = lease},
           .on = no_limit_to_speak_of,
           .ends_with_resume = false}};
}

/// What a host has launched still runs after it was stopped: one train of the job, 10 ms.
constexpr Duration kSettled = milliseconds(50);

class ControlTest : public BackendTest {
 protected:
  /// Runs `body` in a fresh world for each stop that this one offers.
  void for_each_stop(Duration lease, const std::function<void(const Stop&)>& body) {
    bool first = true;
    for (const Stop& stop : stops(lease)) {
      SCOPED_TRACE(std::string(to_string(kind_of(stop.off))));
      if (!std::exchange(first, false)) {
        reopen();
      }
      if (backend().info().missing(kind_of(stop.off)).empty()) {
        body(stop);
      }
    }
  }
  ControlDone control(const Attached& target, const Control& control) {
    const Result<ControlDone> done = control_and_wait(backend(), target, control, served_);
    EXPECT_TRUE(done) << sentence(done);
    if (!done) {
      return {};
    }
    for (const QueueOutcome& each : done->outcomes) {
      EXPECT_EQ(each.outcome, Outcome::kOk) << "queue " << each.id.value();
    }
    EXPECT_EQ(done->kind, kind_of(control));
    return *done;
  }
  void expect_stopped(Pid pid) {
    wait(kSettled);
    const ProgramProgress before = progress(pid);
    wait(milliseconds(200));
    EXPECT_EQ(progress(pid).work, before.work);
    EXPECT_EQ(progress(pid).kernels, before.kernels);
  }
  QueueState state(const Attached& target) { return backend().queues(target.id).at(0).state; }

 private:
  EventLog served_;
};
GPREEMPT_IN_EVERY_WORLD(ControlTest);

TEST_P(ControlTest, StoppedQueueMakesNoProgressUntilItIsGivenTheGpuBack) {
  for_each_stop(kLongLease, [this](const Stop& stop) {
    const Training training = start_training();
    control(training.target, stop.off);
    EXPECT_EQ(state(training.target), QueueState::kSuspended);
    expect_stopped(training.pid);
    control(training.target, stop.on);
    EXPECT_EQ(state(training.target), QueueState::kRunning);
    EXPECT_TRUE(makes_progress(training.pid));
  });
}

TEST_P(ControlTest, ResumeEndsWhateverStopsTheQueue) {
  for_each_stop(kLongLease, [this](const Stop& stop) {
    if (!stop.ends_with_resume) {
      return;
    }
    const Training training = start_training();
    control(training.target, stop.off);
    expect_stopped(training.pid);
    control(training.target, Resume{});
    EXPECT_EQ(state(training.target), QueueState::kRunning);
    EXPECT_TRUE(makes_progress(training.pid));
  });
}

TEST_P(ControlTest, ExpiredLeaseUndoesItAndSaysSo) {
  const Duration lease = milliseconds(100);
  for_each_stop(lease, [this, lease](const Stop& stop) {
    const Training training = start_training();
    const ControlDone done = control(training.target, stop.off);
    const LeaseExpired expired = await<LeaseExpired>();
    EXPECT_EQ(expired.target, training.target.id);
    EXPECT_EQ(expired.queues, training.target.queues);
    EXPECT_GE(log().back().at, done.issued + lease);
    EXPECT_EQ(state(training.target), QueueState::kRunning);
    EXPECT_TRUE(makes_progress(training.pid));
  });
}

TEST_P(ControlTest, LeaseOfWhatWasUndoneNeverExpires) {
  const Duration lease = milliseconds(100);
  for_each_stop(lease, [this, lease](const Stop& stop) {
    const Training training = start_training();
    control(training.target, stop.off);
    control(training.target, stop.on);
    serve_for(2 * lease);
    EXPECT_EQ(count_of<LeaseExpired>(log()), 0U);
  });
}

TEST_P(ControlTest, AStopWithoutALeaseIsRefused) {
  for_each_stop(Duration::zero(), [this](const Stop& stop) {
    const Training training = start_training();
    EXPECT_EQ(code_of(backend().control(training.target.id, training.target.queues, stop.off)),
              Errc::kInvalidArgument);
    EXPECT_TRUE(makes_progress(training.pid));
  });
}

TEST_P(ControlTest, DetachUndoesIt) {
  for_each_stop(kLongLease, [this](const Stop& stop) {
    const Training training = start_training();
    control(training.target, stop.off);
    ASSERT_TRUE(backend().detach(training.target.id));
    await<DetachDone>();
    EXPECT_TRUE(makes_progress(training.pid));
  });
}

TEST_P(ControlTest, DeathOfTheControllerUndoesIt) {
  for_each_stop(kLongLease, [this](const Stop& stop) {
    const Training training = start_training();
    control(training.target, stop.off);
    kill_controller();
    EXPECT_TRUE(makes_progress(training.pid));
  });
}

TEST_P(ControlTest, DeathOfTheControllerUndoesWhatIsInFlight) {
  for_each_stop(kLongLease, [this](const Stop& stop) {
    const Duration whole = [&] {
      const Training training = start_training();
      const ControlDone done = control(training.target, stop.off);
      return done.done - done.issued;
    }();
    constexpr int kPoints = 8;
    for (int point = 1; point <= kPoints; ++point) {
      SCOPED_TRACE(point);
      reopen();
      const Training training = start_training();
      ASSERT_TRUE(backend().control(training.target.id, training.target.queues, stop.off));
      wait(whole * point / kPoints);
      kill_controller();
      wait(seconds(1));
      EXPECT_TRUE(makes_progress(training.pid));
    }
  });
}

TEST_P(ControlTest, NoWorkIsLost) {
  for_each_stop(kLongLease, [this](const Stop& stop) {
    const Program batches = offline_batches(8, 2);
    const Pid pid = launch(batches);
    start_and_wait_for_work(pid);
    const Attached target = attach(pid);
    for (int i = 0; i < 5; ++i) {
      control(target, stop.off);
      wait(milliseconds(3));
      control(target, stop.on);
      wait(milliseconds(5));
    }
    wait_for_end_of(pid, batches);
    // A kernel that was reset started over: complete kernels count once.
    EXPECT_EQ(progress(pid).kernels, total_of(batches).kernels);
    EXPECT_EQ(progress(pid).requests_completed, total_of(batches).requests);
  });
}

TEST_P(ControlTest, OtherQueuesOfTheProcessRunOnUnlessTheHostIsStopped) {
  for_each_stop(kLongLease, [this](const Stop& stop) {
    const Pid pid = launch(offline_training(2));
    start_and_wait_for_work(pid);
    Attached target = attach(pid);
    ASSERT_EQ(target.queues.size(), 2U);
    target.queues.erase(target.queues.begin());  // the work is on the oldest queue
    control(target, stop.off);
    wait(kSettled);
    EXPECT_EQ(makes_progress(pid), kind_of(stop.off) != ControlKind::kSignal);
  });
}

}  // namespace
}  // namespace gpreempt::contract
