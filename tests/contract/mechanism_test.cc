// Goal: the scheduler drives every mechanism and every policy to the same end: Online is served,
// nothing stays restricted, no Offline work is lost.
// Method: a service that gives hints, beside an Offline job without end, for each in turn.
#include "core/mechanism.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "core/decision.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/contract/scheduled_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Counts what was decided, and fails on a refusal.
class Notes final : public EventSink {
 public:
  void event(const Event& event) override {
    if (const auto* done = std::get_if<ControlDone>(&event.what)) {
      kinds.push_back(done->kind);
    }
  }
  void decision(const Decision& decision) override {
    suspends += decision.verdict == Verdict::kSuspend ? 1U : 0U;
  }
  void realisation(const Realisation& realisation) override {
    realised += realisation.queues_ok > 0 ? 1U : 0U;
    EXPECT_EQ(realisation.queues_failed, 0U);
  }
  void refusal(const Action& /*action*/, ControlKind /*kind*/, const Error& error,
               Instant /*at*/) override {
    ADD_FAILURE() << error.what;
  }
  std::vector<ControlKind> kinds;
  std::size_t suspends = 0;
  std::size_t realised = 0;
};

class MechanismTest : public ScheduledTest {
 protected:
  /// Drives a service of `requests` to its end and everything to rest.
  void drive_service(std::uint32_t requests, Notes& notes) {
    testbed().start();
    drive_for(milliseconds(100) * requests + seconds(2), notes);
    const Result<void> rested =
        drive_to_rest(backend(), scheduler(), notes, saturating_add(backend().now(), kPatience));
    ASSERT_TRUE(rested) << sentence(rested);
    EXPECT_EQ(progress(online()).requests_completed, requests);
    EXPECT_EQ(backend().queues(offline_target()).at(0).state, QueueState::kRunning);
    EXPECT_TRUE(makes_progress(offline()));
  }
};
GPREEMPT_IN_EVERY_WORLD(MechanismTest);

TEST_P(MechanismTest, EveryMechanismTakesOfflineOffAndGivesTheGpuBack) {
  constexpr std::uint32_t kRequests = 4;
  bool first = true;
  for (const MechanismEntry& entry : mechanisms()) {
    SCOPED_TRACE(std::string(entry.name));
    if (!std::exchange(first, false)) {
      reopen();
    }
    const Mechanism mechanism = make_mechanism(entry.name).value();
    if (!check_mechanism(mechanism, backend().info())) {
      continue;
    }
    prepare("suspend", online_service(kRequests, milliseconds(100)), mechanism);
    Notes notes;
    drive_service(kRequests, notes);
    EXPECT_EQ(notes.suspends, kRequests);
    EXPECT_EQ(notes.realised, 2U * kRequests);
    ASSERT_FALSE(notes.kinds.empty());
    EXPECT_EQ(notes.kinds.front(), entry.takes_off);
    EXPECT_EQ(notes.kinds.back(), entry.gives_back);
  }
}

TEST_P(MechanismTest, LeaseThatExpiresIsTakenAgainWhileOnlineWorks) {
  bool first = true;
  for (const MechanismEntry& entry : mechanisms()) {
    SCOPED_TRACE(std::string(entry.name));
    if (!std::exchange(first, false)) {
      reopen();
    }
    const Mechanism mechanism = make_mechanism(entry.name).value();
    if (!check_mechanism(mechanism, backend().info())) {
      continue;
    }
    // Requests of 20 ms under leases of 5 ms.
    prepare("suspend", online_service(2, milliseconds(100)), mechanism, milliseconds(5));
    Notes notes;
    drive_service(2, notes);
    EXPECT_GT(notes.kinds.size(), 4U);
  }
}

TEST_P(MechanismTest, NothingStaysSuspendedUnderAnyPolicy) {
  constexpr std::uint32_t kRequests = 5;
  bool first = true;
  for (const std::string_view policy : policy_names()) {
    SCOPED_TRACE(std::string(policy));
    if (!std::exchange(first, false)) {
      reopen();
    }
    prepare(policy, online_service(kRequests, milliseconds(30)));
    Notes notes;
    drive_service(kRequests, notes);
  }
}

TEST_P(MechanismTest, LingerSparesAPreemptionThatSuspendPays) {
  constexpr std::uint32_t kRequests = 5;
  // 20 ms of work every 25 ms: the next request comes within the hold.
  Notes strict;
  prepare("suspend", online_service(kRequests, milliseconds(25)));
  drive_service(kRequests, strict);
  reopen();
  Notes lingering;
  prepare("linger:hold=15ms", online_service(kRequests, milliseconds(25)));
  drive_service(kRequests, lingering);
  EXPECT_EQ(lingering.suspends, 1U);
  EXPECT_GE(strict.suspends, lingering.suspends);
}

TEST_P(MechanismTest, SliceGivesOfflineTheGpuWhileOnlineStillWorks) {
  prepare("slice:slice=5ms,gap=2ms", online_service(1, milliseconds(100)));
  Notes notes;
  drive_service(1, notes);
  // 20 ms of work in slices of 5 ms.
  EXPECT_GE(notes.suspends, 3U);
}

}  // namespace
}  // namespace gpreempt::contract
