// Goal: every argument rule of `Backend` is enforced before the backend below sees the call.
// Method: a mocked backend below; a refused call must not reach it.

#include "core/checked_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/support/mock_backend.h"

namespace gpreempt {
namespace {

using namespace std::chrono_literals;
using testing::_;
using testing::HasSubstr;
using testing::Invoke;
using testing::NiceMock;
using testing::ReturnRef;

constexpr TargetId kTarget(3);
constexpr TargetId kObserved(4);
constexpr TargetId kNobody(99);
const Suspend kSuspendNow{.grace = std::nullopt, .lease = 1s};

class CheckedBackendTest : public testing::Test {
 protected:
  CheckedBackendTest() {
    auto inner = std::make_unique<NiceMock<MockBackend>>();
    inner_ = inner.get();
    info_.controls[static_cast<std::size_t>(ControlKind::kReset)] = "the driver has no reset";
    ON_CALL(*inner_, info()).WillByDefault(ReturnRef(info_));
    ON_CALL(*inner_, attach(_, _)).WillByDefault(Invoke([](Pid pid, AttachMode) {
      return Result<TargetId>(TargetId(static_cast<std::uint32_t>(pid.value())));
    }));
    ON_CALL(*inner_, control(_, _, _)).WillByDefault(Invoke([](auto&&...) {
      return Result<RequestId>(RequestId(1));
    }));
    checked_ = make_checked_backend(std::move(inner));
    attach(kTarget, AttachMode::kControl);
    attach(kObserved, AttachMode::kObserve);
    born(1, kTarget);
    born(2, kTarget);
    born(7, kObserved);
  }

  template <class What>
  void serve(What what) {
    EXPECT_CALL(*inner_, next_event(_)).WillOnce(Invoke([&](Instant) {
      return Result<std::optional<Event>>(Event{.at = {}, .what = what});
    }));
    EXPECT_TRUE(checked_->next_event(kForever).has_value());
  }
  void attach(TargetId target, AttachMode mode) {
    EXPECT_TRUE(checked_->attach(pid_of(target), mode).has_value());
    serve(AttachDone{.target = target, .error = {}});
  }
  void born(std::uint32_t queue, TargetId target) { serve(QueueBorn{queue_of(queue, target)}); }
  void done(TargetId target) {
    serve(ControlDone{.request = RequestId(1),
                      .target = target,
                      .kind = ControlKind::kSuspend,
                      .issued = {},
                      .done = {},
                      .outcomes = {},
                      .error = {}});
  }
  static Pid pid_of(TargetId target) { return Pid(static_cast<std::int32_t>(target.value())); }
  static QueueInfo queue_of(std::uint32_t queue, TargetId target) {
    QueueInfo info;
    info.id = QueueId(queue);
    info.target = target;
    return info;
  }
  Result<RequestId> suspend(TargetId target, const std::vector<std::uint32_t>& queues) {
    return control(target, queues, kSuspendNow);
  }
  Result<RequestId> control(TargetId target, const std::vector<std::uint32_t>& queues,
                            const Control& control) {
    const std::vector<QueueId> ids(queues.begin(), queues.end());
    return checked_->control(target, ids, control);
  }
  template <class T>
  static void refused(const Result<T>& result, Errc code, const char* part) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, code);
    EXPECT_THAT(result.error().what, HasSubstr(part));
  }
  void forbid_control() { EXPECT_CALL(*inner_, control(_, _, _)).Times(0); }

  BackendInfo info_;
  NiceMock<MockBackend>* inner_ = nullptr;
  std::unique_ptr<Backend> checked_;
};

TEST_F(CheckedBackendTest, PassesAGoodControlOn) {
  EXPECT_CALL(*inner_, control(kTarget, testing::ElementsAre(QueueId(2), QueueId(1)), _)).Times(1);
  EXPECT_EQ(suspend(kTarget, {2, 1}).value(), RequestId(1));
}

TEST_F(CheckedBackendTest, RefusesToAttachAPidTwice) {
  EXPECT_CALL(*inner_, attach(_, _)).Times(0);
  refused(checked_->attach(pid_of(kTarget), AttachMode::kObserve), Errc::kInvalidArgument,
          "already attached");
}

TEST_F(CheckedBackendTest, AttachesAPidAgainOnceItIsDetachedOrGoneOrWasRefused) {
  serve(TargetExited{kTarget});
  attach(kTarget, AttachMode::kControl);
  EXPECT_TRUE(checked_->detach(kTarget).has_value());
  serve(DetachDone{kTarget});
  EXPECT_TRUE(checked_->attach(pid_of(kTarget), AttachMode::kControl).has_value());
  serve(AttachDone{.target = kTarget, .error = Error{}});
  EXPECT_TRUE(checked_->attach(pid_of(kTarget), AttachMode::kControl).has_value());
}

TEST_F(CheckedBackendTest, PassesOnTheErrorOfARefusedAttach) {
  EXPECT_CALL(*inner_, attach(_, _)).WillOnce(Invoke([](auto&&...) {
    return Result<TargetId>(fail(Errc::kIo, "no"));
  }));
  EXPECT_EQ(checked_->attach(Pid(50), AttachMode::kControl).error().code, Errc::kIo);
}

TEST_F(CheckedBackendTest, RefusesToDetachAnUnknownTarget) {
  EXPECT_CALL(*inner_, detach(_)).Times(0);
  refused(checked_->detach(kNobody), Errc::kInvalidArgument, "no such target");
}

TEST_F(CheckedBackendTest, RefusesToDetachDuringARequest) {
  ASSERT_TRUE(suspend(kTarget, {1}).has_value());
  EXPECT_CALL(*inner_, detach(_)).Times(0);
  refused(checked_->detach(kTarget), Errc::kBusy, "in flight");
}

TEST_F(CheckedBackendTest, RefusesAControlDuringADetach) {
  ASSERT_TRUE(checked_->detach(kTarget).has_value());
  forbid_control();
  refused(suspend(kTarget, {1}), Errc::kBusy, "in flight");
}

TEST_F(CheckedBackendTest, RefusesASecondControlUntilTheFirstIsDone) {
  ASSERT_TRUE(suspend(kTarget, {1}).has_value());
  refused(suspend(kTarget, {2}), Errc::kBusy, "in flight");
  done(kTarget);
  EXPECT_TRUE(suspend(kTarget, {2}).has_value());
}

TEST_F(CheckedBackendTest, CountsNothingInFlightAfterARefusalFromBelow) {
  EXPECT_CALL(*inner_, control(_, _, _))
      .WillOnce(Invoke([](auto&&...) { return Result<RequestId>(fail(Errc::kIo, "no")); }))
      .WillOnce(Invoke([](auto&&...) { return Result<RequestId>(RequestId(2)); }));
  EXPECT_FALSE(suspend(kTarget, {1}).has_value());
  EXPECT_TRUE(suspend(kTarget, {1}).has_value());
}

TEST_F(CheckedBackendTest, RefusesControlOfAnUnknownTarget) {
  forbid_control();
  refused(suspend(kNobody, {1}), Errc::kInvalidArgument, "no such target");
  serve(TargetExited{kTarget});
  refused(suspend(kTarget, {1}), Errc::kInvalidArgument, "no such target");
}

TEST_F(CheckedBackendTest, RefusesControlOfAnObservedTarget) {
  forbid_control();
  refused(suspend(kObserved, {7}), Errc::kNotPermitted, "only observed");
}

TEST_F(CheckedBackendTest, RefusesAMissingControlWithTheReasonOfInfo) {
  forbid_control();
  refused(control(kTarget, {1}, Reset{}), Errc::kUnsupported, "the driver has no reset");
}

TEST_F(CheckedBackendTest, RefusesNoQueuesAndTooManyQueues) {
  forbid_control();
  refused(suspend(kTarget, {}), Errc::kInvalidArgument, "no queue is named");
  const std::vector<std::uint32_t> many(1025, 1);
  refused(suspend(kTarget, many), Errc::kInvalidArgument, "1025 queues");
}

TEST_F(CheckedBackendTest, AllowsAThousandAndTwentyFourQueues) {
  std::vector<std::uint32_t> many;
  for (std::uint32_t queue = 1000; queue < 2024; ++queue) {
    born(queue, kTarget);
    many.push_back(queue);
  }
  EXPECT_TRUE(suspend(kTarget, many).has_value());
}

TEST_F(CheckedBackendTest, RefusesAQueueNamedTwice) {
  forbid_control();
  refused(suspend(kTarget, {1, 2, 1}), Errc::kInvalidArgument, "queue 1 is named twice");
}

TEST_F(CheckedBackendTest, RefusesAQueueOfAnotherTargetOrOfNone) {
  forbid_control();
  refused(suspend(kTarget, {1, 7}), Errc::kInvalidArgument, "queue 7 is not one of its queues");
  refused(suspend(kTarget, {55}), Errc::kInvalidArgument, "queue 55 is not one of its queues");
}

TEST_F(CheckedBackendTest, AllowsAQueueThatIsListedThoughItsEventHasNotBeenServed) {
  EXPECT_CALL(*inner_, queues(kTarget)).WillOnce(Invoke([](TargetId target) {
    return std::vector{queue_of(55, target)};
  }));
  EXPECT_TRUE(suspend(kTarget, {55}).has_value());
}

TEST_F(CheckedBackendTest, AllowsAQueueThatIsGoneSinceThatIsAnOutcome) {
  serve(QueueGone{.target = kTarget, .queue = QueueId(1)});
  EXPECT_TRUE(suspend(kTarget, {1}).has_value());
}

TEST_F(CheckedBackendTest, RefusesALeaseThatIsNotPositive) {
  forbid_control();
  for (const Duration lease : {Duration(0), Duration(-1)}) {
    refused(control(kTarget, {1}, Suspend{.grace = std::nullopt, .lease = lease}),
            Errc::kInvalidArgument, "not positive");
    refused(control(kTarget, {1}, SelectiveUnmap{.lease = lease}), Errc::kInvalidArgument,
            "not positive");
  }
}

TEST_F(CheckedBackendTest, NeedsNoLeaseToResume) {
  EXPECT_TRUE(control(kTarget, {1}, Resume{}).has_value());
}

TEST_F(CheckedBackendTest, WatchesAKnownTargetAtAPositivePeriod) {
  EXPECT_CALL(*inner_, watch(kObserved, Duration(1ms))).Times(1);
  EXPECT_TRUE(checked_->watch(kObserved, 1ms).has_value());
  refused(checked_->watch(kObserved, 0ms), Errc::kInvalidArgument, "not positive");
  refused(checked_->watch(kNobody, 1ms), Errc::kInvalidArgument, "no such target");
}

TEST_F(CheckedBackendTest, RefusesToWatchWhereThatIsMissing) {
  info_.watch = "debugfs is not mounted";
  EXPECT_CALL(*inner_, watch(_, _)).Times(0);
  refused(checked_->watch(kObserved, 1ms), Errc::kUnsupported, "debugfs is not mounted");
}

TEST_F(CheckedBackendTest, PassesViewsAndDeadlinesOn) {
  EXPECT_CALL(*inner_, inspect(InspectView::kHqds)).WillOnce(Invoke([](InspectView) {
    return Result<RequestId>(RequestId(8));
  }));
  EXPECT_EQ(checked_->inspect(InspectView::kHqds).value(), RequestId(8));
  EXPECT_CALL(*inner_, next_event(instant_from_ns(-5))).WillOnce(Invoke([](Instant) {
    return Result<std::optional<Event>>(std::nullopt);
  }));
  EXPECT_FALSE(checked_->next_event(instant_from_ns(-5)).value().has_value());
  EXPECT_CALL(*inner_, now()).WillOnce(testing::Return(instant_from_ns(6)));
  EXPECT_EQ(checked_->now(), instant_from_ns(6));
}

TEST_F(CheckedBackendTest, ClosesOnceAndRefusesEverythingAfterwards) {
  EXPECT_CALL(*inner_, close()).Times(1);
  EXPECT_TRUE(checked_->close().has_value());
  EXPECT_TRUE(checked_->close().has_value());
  forbid_control();
  refused(suspend(kTarget, {1}), Errc::kInvalidArgument, "closed");
  refused(checked_->attach(Pid(60), AttachMode::kControl), Errc::kInvalidArgument, "closed");
  refused(checked_->detach(kTarget), Errc::kInvalidArgument, "closed");
  refused(checked_->watch(kTarget, 1ms), Errc::kInvalidArgument, "closed");
  refused(checked_->inspect(InspectView::kMqds), Errc::kInvalidArgument, "closed");
  refused(checked_->next_event(kForever), Errc::kInvalidArgument, "closed");
}

TEST_F(CheckedBackendTest, PassesOnTheErrorOfClose) {
  EXPECT_CALL(*inner_, close()).WillOnce(Invoke([] {
    return Result<void>(fail(Errc::kHardwareFailure, "hung"));
  }));
  EXPECT_EQ(checked_->close().error().code, Errc::kHardwareFailure);
}

}  // namespace
}  // namespace gpreempt
