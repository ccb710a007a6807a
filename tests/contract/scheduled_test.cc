#include "tests/contract/scheduled_test.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "core/backend.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {

void ScheduledTest::let_offline_be(Program job) { job_ = std::move(job); }

void ScheduledTest::prepare(std::string_view policy, Program service, Mechanism mechanism,
                            Duration lease) {
  prepare_service(policy, std::move(service), std::move(mechanism), lease);
  attach_offline();
  EventSink nowhere;
  drive_for(std::chrono::milliseconds(100), nowhere);
  ASSERT_EQ(backend().queues(offline_target_).size(), job_.queues);
}

void ScheduledTest::prepare_service(std::string_view policy, Program service, Mechanism mechanism,
                                    Duration lease) {
  service_ = std::move(service);
  online_ = launch(service_);
  offline_ = launch(job_);
  Result<std::unique_ptr<Policy>> made = make_policy(policy);
  ASSERT_TRUE(made) << sentence(made);
  scheduler_ = std::make_unique<Scheduler>(
      std::move(*made),
      SchedulerOptions{.grace = std::nullopt, .lease = lease, .mechanism = std::move(mechanism)});
  const Result<TargetId> online = backend().attach(online_, AttachMode::kObserve);
  ASSERT_TRUE(online) << sentence(online);
  online_target_ = *online;
  ASSERT_TRUE(scheduler_->add_tenant({.name = "service",
                                      .cls = TenantClass::kOnline,
                                      .priority = 15,
                                      .targets = {online_target_}}));
}

void ScheduledTest::attach_offline() {
  const Result<TargetId> offline = backend().attach(offline_, AttachMode::kControl);
  ASSERT_TRUE(offline) << sentence(offline);
  offline_target_ = *offline;
  ASSERT_TRUE(scheduler_->add_tenant({.name = "training",
                                      .cls = TenantClass::kOffline,
                                      .priority = 2,
                                      .targets = {offline_target_}}));
}

void ScheduledTest::drive_for(Duration duration, EventSink& sink,
                              const std::function<bool()>& stop) {
  const Result<void> driven =
      drive(backend(), *scheduler_, sink, saturating_add(backend().now(), duration), stop);
  EXPECT_TRUE(driven) << sentence(driven);
}

}  // namespace gpreempt::contract
