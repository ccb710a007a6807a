// Goal: what belongs together on several GPUs is taken off together: one call serves its GPUs one
// after another, and a tenant of several processes is one to the scheduler.
// Method: a machine of two GPUs; a job with queues on both, and tenants with a process on each.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/backend.h"
#include "core/decision.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// What the scheduler decided and what became of it, per process.
class GangNotes final : public EventSink {
 public:
  void event(const Event& event) override {
    if (const auto* const done = std::get_if<ControlDone>(&event.what)) {
      done_.push_back({.target = done->target, .kind = done->kind, .at = event.at});
    }
    idle_ = std::holds_alternative<WorkFinished>(event.what) ? event.at : idle_;
  }
  void decision(const Decision& decision) override { decisions_.push_back(decision); }
  void refusal(const Action& /*action*/, ControlKind /*kind*/, const Error& error,
               Instant /*at*/) override {
    ADD_FAILURE() << error.what;
  }
  struct Done {
    TargetId target;
    ControlKind kind = ControlKind::kSuspend;
    Instant at;
  };
  [[nodiscard]] const std::vector<Done>& done() const { return done_; }
  [[nodiscard]] const std::vector<Decision>& decisions() const { return decisions_; }
  [[nodiscard]] Instant idle_since() const { return idle_; }

 private:
  std::vector<Done> done_;
  std::vector<Decision> decisions_;
  Instant idle_ = kForever;
};

class GangTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure() && backend().info().gpus.size() < 2) {
      GTEST_SKIP() << "needs two GPUs, this world has one";
    }
  }
};
GPREEMPT_IN_EVERY_WORLD(GangTest);

TEST_P(GangTest, OneCallTakesItsGpusOneAfterAnother) {
  const Training training = start_on_two_gpus();
  suspend(training.target);  // the first one also moves save areas
  resume(training.target);
  const auto unmap_time = [this] {
    return testbed().driver_calls().back().phases.at(static_cast<std::size_t>(DriverPhase::kUnmap));
  };
  const auto cycle = [&](const std::vector<QueueId>& queues) {
    wait(milliseconds(20));
    const Attached part{.id = training.target.id, .queues = queues};
    suspend(part);
    const Duration unmap = unmap_time();
    resume(part);
    return unmap;
  };
  const Duration first = cycle({training.target.queues.front()});
  const Duration second = cycle({training.target.queues.back()});
  const Duration both = cycle(training.target.queues);
  // One ioctl for both, and in it two cycles in a row.
  EXPECT_GT(both, first);
  EXPECT_GT(both, second);
  EXPECT_GE(both, (first + second) * 9 / 10);
}

TEST_P(GangTest, QueueLeftOutOfACallOnItsOtherGpuRunsOn) {
  const Training training = start_on_two_gpus();
  suspend(Attached{.id = training.target.id, .queues = {training.target.queues.back()}});
  EXPECT_TRUE(makes_progress(training.pid));
  const std::vector<QueueInfo> queues = backend().queues(training.target.id);
  EXPECT_EQ(queues.front().state, QueueState::kRunning);
  EXPECT_EQ(queues.back().state, QueueState::kSuspended);
  EXPECT_NE(queues.front().gpu, queues.back().gpu);
}

/// An Online tenant and an Offline tenant, each with a process on both GPUs.
class GangTenantTest : public GangTest {
 protected:
  void SetUp() override {
    GangTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    for (std::uint32_t gpu = 0; gpu < 2; ++gpu) {
      // Only the first of the Online processes has a request.
      Program service = online_service(1, milliseconds(1));
      service.gpu = gpu;
      service.arrivals.front().at = gpu == 0 ? milliseconds(50) : seconds(3600);
      online_.at(gpu) = launch(service);
      Program training = offline_training();
      training.gpu = gpu;
      offline_.at(gpu) = launch(training);
    }
    scheduler_ = std::make_unique<Scheduler>(make_policy("suspend").value(), SchedulerOptions{});
    add("service", TenantClass::kOnline, 15, AttachMode::kObserve, online_, online_targets_);
    add("training", TenantClass::kOffline, 2, AttachMode::kControl, offline_, offline_targets_);
  }
  void drive_for(Duration duration) {
    const Result<void> driven =
        drive(backend(), *scheduler_, notes_, saturating_add(backend().now(), duration));
    EXPECT_TRUE(driven) << sentence(driven);
  }
  [[nodiscard]] std::vector<GangNotes::Done> done_of(ControlKind kind) const {
    std::vector<GangNotes::Done> result;
    std::copy_if(notes_.done().begin(), notes_.done().end(), std::back_inserter(result),
                 [kind](const GangNotes::Done& each) { return each.kind == kind; });
    return result;
  }
  [[nodiscard]] const GangNotes& notes() const { return notes_; }
  [[nodiscard]] Scheduler& scheduler() { return *scheduler_; }
  [[nodiscard]] const std::array<Pid, 2>& offline() const { return offline_; }

 private:
  void add(const std::string& name, TenantClass cls, std::uint32_t priority, AttachMode mode,
           const std::array<Pid, 2>& pids, std::vector<TargetId>& targets) {
    for (const Pid pid : pids) {
      targets.push_back(backend().attach(pid, mode).value());
    }
    EXPECT_TRUE(scheduler_->add_tenant(
        {.name = name, .cls = cls, .priority = priority, .targets = targets}));
  }

  std::array<Pid, 2> online_;
  std::array<Pid, 2> offline_;
  std::vector<TargetId> online_targets_;
  std::vector<TargetId> offline_targets_;
  std::unique_ptr<Scheduler> scheduler_;
  GangNotes notes_;
};
GPREEMPT_IN_EVERY_WORLD(GangTenantTest);

TEST_P(GangTenantTest, WorkOfOneOnlineProcessTakesTheJobOffOnBothGpus) {
  drive_for(milliseconds(20));
  testbed().start();
  drive_for(milliseconds(60));
  ASSERT_EQ(done_of(ControlKind::kSuspend).size(), 2U);
  const std::array before{progress(offline()[0]).work, progress(offline()[1]).work};
  wait(milliseconds(5));
  EXPECT_EQ(progress(offline()[0]).work, before[0]);
  EXPECT_EQ(progress(offline()[1]).work, before[1]);
}

TEST_P(GangTenantTest, NoProcessOfTheJobIsGivenBackItsGpuBeforeTheWorkIsDone) {
  drive_for(milliseconds(20));
  testbed().start();
  drive_for(milliseconds(200));
  const std::vector<GangNotes::Done> off = done_of(ControlKind::kSuspend);
  const std::vector<GangNotes::Done> on = done_of(ControlKind::kResume);
  ASSERT_EQ(off.size(), 2U);
  ASSERT_EQ(on.size(), 2U);
  EXPECT_NE(off[0].target, off[1].target);
  EXPECT_NE(on[0].target, on[1].target);
  for (const GangNotes::Done& each : on) {
    EXPECT_GT(each.at, notes().idle_since());
    EXPECT_GT(each.at, off[1].at);
  }
  EXPECT_TRUE(scheduler().quiescent());
  EXPECT_TRUE(makes_progress(offline()[0]));
  EXPECT_TRUE(makes_progress(offline()[1]));
}

TEST_P(GangTenantTest, BothProcessesAreDecidedOnAtOnce) {
  drive_for(milliseconds(20));
  testbed().start();
  drive_for(milliseconds(200));
  ASSERT_EQ(notes().decisions().size(), 4U);
  EXPECT_EQ(notes().decisions()[0].at, notes().decisions()[1].at);
  EXPECT_EQ(notes().decisions()[2].at, notes().decisions()[3].at);
  EXPECT_EQ(notes().decisions()[1].verdict, Verdict::kSuspend);
  EXPECT_EQ(notes().decisions()[3].verdict, Verdict::kRun);
}

}  // namespace
}  // namespace gpreempt::contract
