#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/heartbeat.h"
#include "backends/kfd/kfd_backend.h"
#include "core/backend.h"
#include "core/checked_backend.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/kfd/fake_driver.h"

namespace gpreempt::kfd {

/// A lease that never ends within a test.
inline constexpr Duration kLongLease = std::chrono::hours(1);
/// Turns a hang into a failure; no test depends on how long anything takes.
inline constexpr Duration kPatience = std::chrono::seconds(20);

/// The real backend, checked as users get it, on a `FakeDriver`. Events must come in exactly the
/// order in which a test takes them.
class BackendTest : public ::testing::Test {
 protected:
  void open(Duration rescan_period = Duration{}, Duration first_queue_poll = Duration{}) {
    auto opened = open_backend(driver_, {.device = "/dev/kfd",
                                         .sysfs_root = "/sys",
                                         .rescan_period = rescan_period,
                                         .first_queue_poll = first_queue_poll,
                                         .heartbeat = heartbeat_});
    ASSERT_TRUE(opened) << opened.error().what;
    raw_ = opened->get();
    backend_ = make_checked_backend(*std::move(opened));
  }

  void TearDown() override {
    if (backend_ != nullptr) {
      EXPECT_TRUE(backend_->close());
    }
  }

  /// The next event, which must be a `T`.
  template <class T>
  T take() {
    auto event = backend_->next_event(saturating_add(backend_->now(), kPatience));
    if (!event || !*event || !std::holds_alternative<T>((*event)->what)) {
      ADD_FAILURE() << "expected another event than "
                    << (event && *event ? name_of(**event) : std::string_view("none"));
      return {};
    }
    return std::get<T>(std::move((*event)->what));
  }

  /// Attaches for control to the target, which has queues with these ids; one handle for each.
  std::vector<QueueId> attach(std::initializer_list<std::uint32_t> ids) {
    for (const std::uint32_t id : ids) {
      driver_.create_queue(id);
    }
    target_ = backend_->attach(FakeDriver::kTargetPid, AttachMode::kControl).value();
    std::vector<QueueId> handles;
    for (const std::uint32_t id : ids) {
      const auto queue = take<QueueBorn>().queue;
      EXPECT_EQ(queue.kernel_id, id);
      handles.push_back(queue.id);
    }
    EXPECT_FALSE(take<AttachDone>().error);
    driver_.clear_log();
    return handles;
  }

  ControlDone suspend(const std::vector<QueueId>& queues, Duration lease = kLongLease) {
    EXPECT_TRUE(backend_->control(target_, queues, Suspend{.grace = {}, .lease = lease}));
    return take<ControlDone>();
  }
  ControlDone resume(const std::vector<QueueId>& queues) {
    EXPECT_TRUE(backend_->control(target_, queues, Resume{}));
    return take<ControlDone>();
  }

  static std::vector<Outcome> outcomes(const ControlDone& done) {
    std::vector<Outcome> all;
    for (const QueueOutcome& outcome : done.outcomes) {
      all.push_back(outcome.outcome);
    }
    return all;
  }

  using Log = std::vector<std::string>;

  FakeDriver driver_;
  std::shared_ptr<Heartbeat> heartbeat_;
  std::unique_ptr<Backend> backend_;
  KfdBackend* raw_ = nullptr;
  TargetId target_;
};

}  // namespace gpreempt::kfd
