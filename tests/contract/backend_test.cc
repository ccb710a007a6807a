#include "tests/contract/backend_test.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/command_line.h"
#include "tests/contract/known_divergences.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {

std::string name_of_world(const testing::TestParamInfo<TestbedCase>& info) {
  return info.param.name;
}

void BackendTest::SetUp() {
  // Without the lists a machine would be asked for what it must not be asked for.
  ASSERT_TRUE(known_divergences()) << sentence(known_divergences());
  if (const std::string why = why_left_out(); !why.empty()) {
    GTEST_SKIP() << why;
  }
  Result<std::unique_ptr<Testbed>> opened = GetParam().open();
  if (!opened) {
    if (command_line().require_backend) {
      FAIL() << opened.error().what;
    }
    GTEST_SKIP() << opened.error().what;
  }
  testbed_ = std::move(*opened);
}

void BackendTest::TearDown() {
  if (testbed_ != nullptr && !killed_) {
    const Result<void> closed = backend().close();
    EXPECT_TRUE(closed) << sentence(closed);
    // Whatever a test did: nothing stays suspended.
    if (const auto audit = testbed().audit()) {
      EXPECT_EQ(audit->suspended, 0U);
    }
  }
  testbed_.reset();
}

void BackendTest::reopen() {
  TearDown();
  log_.clear();
  killed_ = false;
  SetUp();
}

void BackendTest::kill_controller() {
  testbed_->kill_controller();
  killed_ = true;
}

Pid BackendTest::launch(const Program& program) {
  const Result<Pid> pid = testbed_->launch(program);
  EXPECT_TRUE(pid) << sentence(pid);
  return pid.value_or(Pid(-1));
}

void BackendTest::start_and_wait_for_work(Pid pid) {
  testbed_->start();
  const Result<void> done =
      wait_until(*testbed_, [&] { return progress(pid).work > Duration::zero(); });
  EXPECT_TRUE(done) << sentence(done);
}

void BackendTest::wait(Duration duration) {
  const Result<void> waited = testbed_->wait(duration);
  EXPECT_TRUE(waited) << sentence(waited);
}

void BackendTest::wait_for_end_of(Pid pid, const Program& program) {
  const Total total = total_of(program);
  const Result<void> done =
      wait_until(*testbed_, [&] { return progress(pid).requests_completed >= total.requests; });
  EXPECT_TRUE(done) << program.name << ": " << progress(pid).requests_completed << " of "
                    << total.requests << " requests: " << sentence(done);
}

bool BackendTest::makes_progress(Pid pid) {
  const ProgramProgress before = progress(pid);
  return wait_until(
             *testbed_, [&] { return progress(pid).work > before.work; }, std::chrono::seconds(1))
      .has_value();
}

Attached BackendTest::attach(Pid pid, AttachMode mode) {
  Result<Attached> attached = attach_and_wait(backend(), pid, mode, log_);
  EXPECT_TRUE(attached) << sentence(attached);
  return attached.value_or(Attached{});
}

ControlDone BackendTest::checked(const Result<ControlDone>& done) {
  if (!done) {
    ADD_FAILURE() << done.error().what;
    return {};
  }
  for (const QueueOutcome& each : done->outcomes) {
    EXPECT_EQ(each.outcome, Outcome::kOk) << "queue " << each.id.value();
  }
  return *done;
}

ControlDone BackendTest::suspend(const Attached& target, Duration lease) {
  return checked(suspend_and_wait(backend(), target, lease, log_));
}

ControlDone BackendTest::resume(const Attached& target) {
  return checked(resume_and_wait(backend(), target, log_));
}

void BackendTest::serve_for(Duration duration) {
  const Instant end = saturating_add(backend().now(), duration);
  while (backend().now() < end) {
    Result<std::optional<Event>> next = backend().next_event(end);
    if (!next) {
      ADD_FAILURE() << next.error().what;
      return;
    }
    if (*next) {
      log_.push_back(std::move(**next));
    }
  }
}

BackendTest::Training BackendTest::start_training() {
  const Pid pid = launch(offline_training());
  start_and_wait_for_work(pid);
  return Training{.pid = pid, .target = attach(pid)};
}

BackendTest::Training BackendTest::start_on_two_gpus() {
  Program program = offline_training();
  program.idle_gpus = {1};
  const Pid pid = launch(std::move(program));
  start_and_wait_for_work(pid);
  Training training{.pid = pid, .target = attach(pid)};
  EXPECT_EQ(training.target.queues.size(), 2U);
  return training;
}

}  // namespace gpreempt::contract
