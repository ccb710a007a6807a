// Goal: the test plan's loads (T-2, T-5, T-6, T-7, T-14, T-15) under a scheduler hold in every
// world, shorter than `validate-hardware` has them.
// Method: requests, suspends and resumes are counted, and Offline's work is compared with that
// alone. Of latencies only the order is asserted.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "core/backend.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/random.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/contract/scheduled_test.h"
#include "tests/support/testbed_case.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Calls {
  std::size_t suspends = 0;
  std::size_t resumes = 0;
};

/// Counts what a run asked for; whatever goes wrong fails the test.
class CallCounter final : public EventSink {
 public:
  void event(const Event& event) override {
    if (const auto* const done = std::get_if<ControlDone>(&event.what)) {
      ++(done->kind == ControlKind::kSuspend ? calls.suspends : calls.resumes);
      EXPECT_FALSE(done->error) << done->error->what;
    }
    EXPECT_FALSE(std::holds_alternative<LeaseExpired>(event.what));
  }
  void refusal(const Action& /*action*/, ControlKind /*kind*/, const Error& error,
               Instant /*at*/) override {
    ADD_FAILURE() << error.what;
  }
  Calls calls;
};

class PlanScheduleTest : public ScheduledTest {
 protected:
  /// Starts what was prepared and drives it until all requests must be done.
  Calls run(Duration length) {
    CallCounter counter;
    testbed().start();
    drive_for(length, counter);
    EXPECT_EQ(progress(online()).requests_completed, service().arrivals.size());
    return counter.calls;
  }
  /// Nothing is suspended, in flight or gone.
  void expect_clean(const Calls& calls) {
    EXPECT_EQ(calls.suspends, calls.resumes);
    EXPECT_TRUE(scheduler().quiescent());
    if (const std::optional<DriverAudit> audit = testbed().audit()) {
      EXPECT_EQ(audit->suspended, 0U);
    }
    for (const QueueInfo& queue : backend().queues(offline_target())) {
      EXPECT_EQ(queue.state, QueueState::kRunning);
    }
    EXPECT_TRUE(makes_progress(offline()));
  }
};
GPREEMPT_IN_EVERY_WORLD(PlanScheduleTest);

// T-2: a request every 100 ms.
TEST_P(PlanScheduleTest, EachRequestOfAFrequentServiceTakesOfflineOffOnceAndGivesItBack) {
  constexpr std::size_t kRequests = 30;
  prepare("suspend", online_service(kRequests, milliseconds(100)));
  const Calls calls = run(kRequests * milliseconds(100) + seconds(1));
  EXPECT_EQ(calls.suspends, kRequests);
  expect_clean(calls);
}

// T-5: two requests a second, against alone. Each is 20 ms of work, so Offline loses 4 % to them
// at least, but for what it still does until it is off; the plan's limit is 20 %.
TEST_P(PlanScheduleTest, TwoRequestsASecondCostOfflineTheirOwnTimeAndLessThanAFifth) {
  const Pid job = launch(offline_training());
  testbed().start();
  wait(seconds(5));
  const Duration alone = progress(job).work;
  ASSERT_GT(alone, seconds(4));

  reopen();
  prepare("suspend", online_service(10, milliseconds(500)));
  const Calls calls = run(seconds(5));
  const double loss =
      1 - static_cast<double>(to_ns(progress(offline()).work)) / static_cast<double>(to_ns(alone));
  EXPECT_GT(loss, 0.02);
  EXPECT_LT(loss, 0.20);
  EXPECT_EQ(calls.suspends, 10U);
  expect_clean(calls);
}

// T-6: gaps from 100 ms to 1 s, a tenth of the plan's; leases that outlive a request.
TEST_P(PlanScheduleTest, RequestsAtRandomTimesLeaveNothingBehind) {
  constexpr std::uint32_t kRequests = 20;
  Program service = online_service(kRequests, Duration::zero());
  RandomStream random(6, "plan/gaps");
  Duration at{};
  for (Arrival& arrival : service.arrivals) {
    at += milliseconds(100 + static_cast<std::int64_t>(random.below(900)));
    arrival.at = at;
  }
  prepare("suspend", service, {}, milliseconds(400));
  const Calls calls = run(at + seconds(2));
  EXPECT_EQ(calls.suspends, kRequests);
  expect_clean(calls);
}

// T-7: a request of 2 ms every 10 ms, ten Offline queues.
TEST_P(PlanScheduleTest, RequestEvery10MsBesideTenQueuesIsServed) {
  constexpr std::size_t kRequests = 100;
  constexpr std::uint32_t kQueues = 10;
  Program service = online_service(kRequests, milliseconds(10));
  service.trains.front().front().count = 1;
  let_offline_be(offline_training(kQueues));
  prepare("suspend", service);
  const Calls calls = run(kRequests * milliseconds(10) + seconds(1));
  // A request that comes before its predecessor's resume is through needs no suspend of its own.
  EXPECT_GT(calls.suspends, 0U);
  EXPECT_LE(calls.suspends, kRequests);
  EXPECT_EQ(backend().queues(offline_target()).size(), kQueues);
  expect_clean(calls);
}

// T-14, T-15: alone, under the scheduler, and without one.
TEST_P(PlanScheduleTest, SchedulerBringsLatencyBetweenThatAloneAndThatWithoutOne) {
  const auto latency = [&] {
    Duration sum{};
    for (const RequestRecord& request : testbed().requests(online())) {
      sum += request.end - request.arrival;
    }
    return sum;
  };
  const Program requests = online_service(10, milliseconds(200));
  const Pid pid = launch(requests);
  testbed().start();
  wait_for_end_of(pid, requests);
  Duration alone{};
  for (const RequestRecord& request : testbed().requests(pid)) {
    alone += request.end - request.arrival;
  }

  // Kernels of 10 ms that leave no room: 4 workgroups of 128 registers a lane fill a CU.
  Program filler = offline_training();
  filler.trains.front().front() = {
      .count = 1,
      .duration = milliseconds(10),
      .shape = {.workgroups = 4 * backend().info().gpus.at(0).cus, .waves = 4, .vgprs = 128}};
  let_offline_be(filler);
  std::array<Duration, 2> with{};
  std::size_t which = 0;
  for (const std::string_view policy : {"suspend", "none"}) {
    reopen();
    prepare(policy, requests);
    run(seconds(5));
    with.at(which++) = latency();
  }
  EXPECT_LT(alone, with[0]);
  EXPECT_LT(with[0], with[1]);
  // The plan's 1.5 times.
  EXPECT_LT(with[0], alone + alone / 2);
}

}  // namespace
}  // namespace gpreempt::contract
