// What goes wrong on purpose. Goal: each fault is what the driver or the seam can do, is seen by
// the client as such, and leaves nothing suspended. Method: one kind at a time on the model of the
// driver, under the KFD client and under the simulator's backend.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/faulty_os.h"
#include "backends/kfd/os.h"
#include "backends/sim/sim_testbed.h"
#include "backends/vkfd/vkfd_testbed.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/fault.h"
#include "core/faulty_backend.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLease = seconds(2);

/// A job under a controller to which one kind of fault happens, always.
class FaultyRun {
 public:
  FaultyRun(bool on_kfd, FaultKind kind, double rate = 1) : faults_(1, rates_of(kind, rate)) {
    faults_.end_at(Instant::min());
    if (on_kfd) {
      testbed_ =
          open_vkfd_testbed(
              world(), options(),
              {.wrap = [this](kfd::Os& os) { return std::make_unique<kfd::FaultyOs>(os, faults_); },
               .decorate = {},
               .rescan_period = milliseconds(10)})
              .value();
    } else {
      testbed_ = sim::open_sim_testbed(world().timeline(), options(),
                                       [this](std::unique_ptr<Backend> inner) {
                                         return make_faulty_backend(std::move(inner), faults_);
                                       });
    }
    pid_ = testbed_->launch(training(2)).value();
    target_ = backend().attach(pid_, AttachMode::kControl).value();
    EXPECT_TRUE(await<AttachDone>());
    testbed_->start();
  }
  ~FaultyRun() {
    faults_.end_at(Instant::min());
    EXPECT_TRUE(backend().close());
    EXPECT_EQ(testbed_->audit()->suspended, 0U);
  }
  FaultyRun(const FaultyRun&) = delete;
  FaultyRun& operator=(const FaultyRun&) = delete;

  [[nodiscard]] Backend& backend() { return testbed_->backend(); }
  [[nodiscard]] Testbed& testbed() { return *testbed_; }
  [[nodiscard]] std::uint32_t suspended() { return testbed_->audit()->suspended; }
  void begin() { faults_.end_at(kForever); }
  void end() { faults_.end_at(Instant::min()); }
  [[nodiscard]] bool struck(FaultKind kind) const {
    return faults_.struck().at(static_cast<std::size_t>(kind)) > 0;
  }
  [[nodiscard]] std::vector<QueueId> ids() {
    std::vector<QueueId> ids;
    for (const QueueInfo& queue : backend().queues(target_)) {
      ids.push_back(queue.id);
    }
    return ids;
  }
  [[nodiscard]] Result<RequestId> suspend() {
    return backend().control(target_, ids(), Suspend{.grace = std::nullopt, .lease = kLease});
  }
  [[nodiscard]] Result<RequestId> resume() { return backend().control(target_, ids(), Resume{}); }
  template <class What>
  std::optional<What> await(Duration patience = seconds(60)) {
    const Instant deadline = backend().now() + patience;
    while (true) {
      auto event = backend().next_event(deadline);
      if (!event || !*event) {
        return std::nullopt;
      }
      if (auto* const found = std::get_if<What>(&(*event)->what)) {
        return *found;
      }
    }
  }

 private:
  static FaultRates rates_of(FaultKind kind, double rate) {
    FaultRates rates;
    rates[kind] = rate;
    return rates;
  }

  Faults faults_;
  std::unique_ptr<Testbed> testbed_;
  Pid pid_;
  TargetId target_;
};

/// How many outcomes are `outcome`.
std::ptrdiff_t count(const ControlDone& done, Outcome outcome) {
  return std::ranges::count(done.outcomes, outcome, &QueueOutcome::outcome);
}

class FaultTest : public testing::TestWithParam<bool> {
 protected:
  void in_world(FaultKind kind, const std::function<void(FaultyRun&)>& body, double rate = 1) {
    ASSERT_TRUE(run([&] {
      FaultyRun faulty(GetParam(), kind, rate);
      body(faulty);
      EXPECT_TRUE(faulty.struck(kind));
    }));
  }
};

TEST_P(FaultTest, QueueWithAnErrorIsOffUntilItIsResumed) {
  in_world(FaultKind::kErrorOutcome, [](FaultyRun& faulty) {
    faulty.begin();
    ASSERT_TRUE(faulty.suspend());
    const auto done = faulty.await<ControlDone>();
    ASSERT_TRUE(done);
    EXPECT_EQ(count(*done, Outcome::kError), 1);
    EXPECT_EQ(count(*done, Outcome::kOk), 1);
    EXPECT_EQ(faulty.suspended(), 2U);
    faulty.end();
    ASSERT_TRUE(faulty.resume());
    EXPECT_TRUE(faulty.await<ControlDone>());
    EXPECT_EQ(faulty.suspended(), 0U);
  });
}

TEST_P(FaultTest, CallThatTakesNineSecondsIsEndedByItsLeaseAllTheSame) {
  in_world(FaultKind::kLongCall, [](FaultyRun& faulty) {
    faulty.begin();
    const Instant begin = faulty.backend().now();
    ASSERT_TRUE(faulty.suspend());
    const auto done = faulty.await<ControlDone>();
    faulty.end();
    ASSERT_TRUE(done);
    EXPECT_GE(done->done - begin, seconds(9));
    EXPECT_TRUE(faulty.await<LeaseExpired>());
    EXPECT_EQ(faulty.suspended(), 0U);
  });
}

TEST_P(FaultTest, RefusedCallSuspendsNothing) {
  in_world(FaultKind::kLostTracer, [](FaultyRun& faulty) {
    faulty.begin();
    const auto request = faulty.suspend();
    if (request) {  // the seam refuses at once, the port when the driver is asked
      const auto done = faulty.await<ControlDone>();
      ASSERT_TRUE(done);
      ASSERT_TRUE(done->error);
      EXPECT_EQ(done->error->code, Errc::kNotPermitted) << done->error->what;
    } else {
      EXPECT_EQ(request.error().code, Errc::kNotPermitted);
    }
    EXPECT_EQ(faulty.suspended(), 0U);
    faulty.end();
    ASSERT_TRUE(faulty.suspend());
    EXPECT_TRUE(faulty.await<ControlDone>());
    EXPECT_EQ(faulty.suspended(), 2U);
  });
}

TEST_P(FaultTest, ClockThatJumpsAheadEndsTheLeaseAtMostEarly) {
  in_world(
      FaultKind::kClockStep,
      [](FaultyRun& faulty) {
        ASSERT_TRUE(faulty.suspend());
        ASSERT_TRUE(faulty.await<ControlDone>());
        const Instant before = faulty.backend().now();
        faulty.begin();
        (void)faulty.backend().next_event(before + milliseconds(20));
        EXPECT_GE(faulty.backend().now() - before, seconds(1));
        faulty.end();
        EXPECT_TRUE(faulty.await<LeaseExpired>());
        EXPECT_EQ(faulty.suspended(), 0U);
      },
      0.5);
}

INSTANTIATE_TEST_SUITE_P(Worlds, FaultTest, testing::Bool(),
                         [](const auto& of) { return of.param ? "Port" : "Seam"; });

TEST(FaultyOsTest, InterruptedCallsAreRepeated) {
  ASSERT_TRUE(run([] {
    constexpr double kOften = 0.7;
    FaultyRun faulty(true, FaultKind::kInterrupted, kOften);
    faulty.begin();
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(faulty.suspend());
      const auto off = faulty.await<ControlDone>();
      ASSERT_TRUE(off);
      EXPECT_EQ(count(*off, Outcome::kOk), 2);
      EXPECT_EQ(faulty.suspended(), 2U);
      ASSERT_TRUE(faulty.resume());
      const auto on = faulty.await<ControlDone>();
      ASSERT_TRUE(on);
      EXPECT_EQ(count(*on, Outcome::kOk), 2);
      EXPECT_EQ(faulty.suspended(), 0U);
    }
    EXPECT_TRUE(faulty.struck(FaultKind::kInterrupted));
  }));
}

TEST(FaultyOsTest, QueueWhoseBirthIsNotToldIsFoundByARescan) {
  ASSERT_TRUE(run([] {
    FaultyRun faulty(true, FaultKind::kLostEvent);
    faulty.begin();
    const std::size_t before = faulty.ids().size();
    EXPECT_TRUE(faulty.testbed().create_queue(Pid(1001)));
    EXPECT_TRUE(faulty.await<QueueBorn>(seconds(1)));
    EXPECT_EQ(faulty.ids().size(), before + 1);
    EXPECT_TRUE(faulty.struck(FaultKind::kLostEvent));
  }));
}

TEST(FaultyOsTest, MissingDebugfsIsAReasonAndNoCrash) {
  ASSERT_TRUE(run([] {
    FaultyRun faulty(true, FaultKind::kDebugfsGone);
    faulty.begin();
    ASSERT_TRUE(faulty.backend().inspect(InspectView::kHqds));
    const auto answer = faulty.await<InspectDone>();
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->error);
  }));
}

}  // namespace
}  // namespace gpreempt::vkfd
