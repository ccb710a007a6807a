// Goal: what the options of a gang say is what the driver is asked: in which order, one after
// another or at once, what becomes of the others when one fails, and that nobody gives up waiting.
// Method: a job of two processes on two GPUs beside a service with one long request.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "core/backend.h"
#include "core/decision.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event.h"
#include "core/gang_options.h"
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

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Requests as the backend ended them, and decisions.
class GangRecord final : public EventSink {
 public:
  void event(const Event& event) override {
    if (const auto* const done = std::get_if<ControlDone>(&event.what)) {
      (done->kind == ControlKind::kSuspend ? off_ : on_).push_back(*done);
    }
  }
  void decision(const Decision& decision) override { decisions_.push_back(decision); }
  [[nodiscard]] const std::vector<ControlDone>& off() const { return off_; }
  [[nodiscard]] const std::vector<ControlDone>& on() const { return on_; }
  [[nodiscard]] const std::vector<Decision>& decisions() const { return decisions_; }

 private:
  std::vector<ControlDone> off_;
  std::vector<ControlDone> on_;
  std::vector<Decision> decisions_;
};

class GangScheduleTest : public BackendTest {
 protected:
  static constexpr std::uint32_t kRanks = 2;

  void SetUp() override {
    BackendTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure() && backend().info().gpus.size() < kRanks) {
      GTEST_SKIP() << "needs two GPUs, this world has one";
    }
  }
  /// Launches the ranks, which meet after every kernel and give up after `timeout`.
  void launch_job(Duration timeout = Duration::max()) {
    Program program = offline_training();
    program.trains = {with_collectives(
        program.trains.front(),
        {.every = 1, .duration = microseconds(100), .shape = {.workgroups = 16, .waves = 4}})};
    for (std::uint32_t rank = 0; rank < kRanks; ++rank) {
      program.gpu = rank;
      program.gang = GangPlace{.gang = 1, .rank = rank, .ranks = kRanks, .timeout = timeout};
      job_.push_back(launch(program));
    }
  }
  /// The same without anything in common.
  void launch_loners() {
    Program program = offline_training();
    for (std::uint32_t rank = 0; rank < kRanks; ++rank) {
      program.gpu = rank;
      job_.push_back(launch(program));
    }
  }
  /// A scheduler over the job and a service on both GPUs, whose one request takes `work` and comes
  /// after 50 ms; lets it see them, and starts.
  void schedule(const GangOptions& gang, Duration work, Duration stall_limit = Duration::max()) {
    TenantSpec service{.name = "service", .cls = TenantClass::kOnline, .priority = 15};
    for (std::uint32_t gpu = 0; gpu < kRanks; ++gpu) {
      Program program = online_service(1, milliseconds(1));
      program.gpu = gpu;
      program.trains.front().front().count =
          static_cast<std::uint32_t>(work / program.trains.front().front().duration);
      program.arrivals.front().at = gpu == 0 ? milliseconds(50) : seconds(3600);
      service.targets.push_back(backend().attach(launch(program), AttachMode::kObserve).value());
    }
    TenantSpec training{.name = "training", .priority = 2, .stall_limit = stall_limit};
    for (const Pid pid : job_) {
      training.targets.push_back(backend().attach(pid, AttachMode::kControl).value());
    }
    ranks_ = training.targets;
    SchedulerOptions options;
    options.lease = kLongLease;
    options.gang = gang;
    scheduler_ = std::make_unique<Scheduler>(make_policy("suspend").value(), options);
    EXPECT_TRUE(scheduler_->add_tenant(service));
    EXPECT_TRUE(scheduler_->add_tenant(training));
    drive_for(milliseconds(20));
    testbed().start();
  }
  void drive_for(Duration duration) {
    const Result<void> driven =
        drive(backend(), *scheduler_, record_, saturating_add(backend().now(), duration));
    EXPECT_TRUE(driven) << sentence(driven);
  }
  [[nodiscard]] const GangRecord& record() const { return record_; }
  [[nodiscard]] Pid rank(std::size_t number) const { return job_.at(number); }
  [[nodiscard]] TargetId target(std::size_t number) const { return ranks_.at(number); }

 private:
  std::vector<Pid> job_;
  std::vector<TargetId> ranks_;
  std::unique_ptr<Scheduler> scheduler_;
  GangRecord record_;
};
GPREEMPT_IN_EVERY_WORLD(GangScheduleTest);

TEST_P(GangScheduleTest, RankThatIsOffStallsTheOtherAtItsNextCollective) {
  launch_job();
  start_and_wait_for_work(rank(0));
  const Attached first = attach(rank(0));
  suspend(first);
  wait(milliseconds(20));  // ten kernels: the other one waits by now
  const ProgramProgress before = progress(rank(1));
  wait(milliseconds(20));
  const ProgramProgress after = progress(rank(1));
  EXPECT_EQ(after.kernels, before.kernels);
  EXPECT_EQ(after.collective_wait - before.collective_wait, milliseconds(20));
  resume(first);
  EXPECT_TRUE(makes_progress(rank(0)));
  EXPECT_TRUE(makes_progress(rank(1)));
}

TEST_P(GangScheduleTest, TogetherTheSecondCallDoesNotWaitForTheFirst) {
  launch_job();
  schedule({.split = GangSplit::kTogether}, milliseconds(20));
  drive_for(milliseconds(200));
  ASSERT_EQ(record().off().size(), 2U);
  EXPECT_LT(record().off()[1].issued, record().off()[0].done);
}

TEST_P(GangScheduleTest, OneByOneTheSecondIsTakenOffWhenTheFirstIsAndBothAreGivenBackAtOnce) {
  launch_job();
  schedule({.split = GangSplit::kOneByOne}, milliseconds(20));
  drive_for(milliseconds(200));
  ASSERT_EQ(record().off().size(), 2U);
  EXPECT_EQ(record().off()[0].target, target(0));
  EXPECT_GE(record().off()[1].issued, record().off()[0].done);
  ASSERT_EQ(record().on().size(), 2U);
  EXPECT_LT(record().on()[1].issued, record().on()[0].done);
}

TEST_P(GangScheduleTest, InReverseTheLastRankIsTakenOffFirst) {
  launch_job();
  schedule({.order = GangOrder::kReverse, .split = GangSplit::kOneByOne}, milliseconds(20));
  drive_for(milliseconds(200));
  ASSERT_EQ(record().off().size(), 2U);
  EXPECT_EQ(record().off()[0].target, target(1));
  EXPECT_EQ(record().off()[1].target, target(0));
}

TEST_P(GangScheduleTest, StaggeredCallsAreAGapApart) {
  launch_job();
  schedule({.split = GangSplit::kStaggered, .gap = milliseconds(5)}, milliseconds(20));
  drive_for(milliseconds(200));
  ASSERT_EQ(record().off().size(), 2U);
  EXPECT_GE(record().off()[1].issued - record().off()[0].issued, milliseconds(5));
}

TEST_P(GangScheduleTest, HeldTheOthersStayOffThoughOneFails) {
  launch_loners();
  schedule({.on_failure = GangFailure::kHold}, seconds(30));
  ASSERT_TRUE(testbed().hang_firmware(backend().info().gpus.at(1).id));
  drive_for(seconds(20));  // the driver's timeout is 9 s
  const ProgramProgress before = progress(rank(0));
  drive_for(seconds(1));
  EXPECT_EQ(progress(rank(0)).work, before.work);
}

TEST_P(GangScheduleTest, ReleasedTheOthersRunOnceOneFails) {
  launch_loners();
  schedule({.on_failure = GangFailure::kRelease}, seconds(30));
  ASSERT_TRUE(testbed().hang_firmware(backend().info().gpus.at(1).id));
  drive_for(seconds(20));
  const ProgramProgress before = progress(rank(0));
  drive_for(seconds(1));
  EXPECT_GT(progress(rank(0)).work, before.work);
}

TEST_P(GangScheduleTest, NoRankIsOffForMoreThanHalfOfTheStallLimitAndTheJobLives) {
  constexpr Duration kLimit = seconds(2);
  launch_job(kLimit);
  schedule({}, seconds(6), kLimit);
  drive_for(seconds(5));
  Instant off = kForever;
  std::size_t spells = 0;
  for (const Decision& each : record().decisions()) {
    if (each.target != target(0)) {
      continue;
    }
    if (each.verdict == Verdict::kSuspend) {
      // It has run for 50 ms at least since the last spell.
      EXPECT_TRUE(off == kForever || each.at - off >= kLimit / 2 + milliseconds(50));
      off = each.at;
      continue;
    }
    EXPECT_EQ(each.reason, Reason::kStallLimit);
    EXPECT_EQ(each.at - off, kLimit / 2);
    ++spells;
  }
  EXPECT_GE(spells, 4U);  // 5 s in spells of 1.05 s
  EXPECT_FALSE(progress(rank(0)).aborted);
}

}  // namespace
}  // namespace gpreempt::contract
