// A process that is only observed. Goal: its queues and whether they have work are seen, under both
// firmware behaviours, and it never gets a debug session.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "backends/kfd/forwarding_os.h"
#include "backends/kfd/mailbox.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/observer.h"
#include "backends/kfd/os.h"
#include "backends/vkfd/vkfd_testbed.h"
#include "core/backend.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using std::chrono::milliseconds;

class ObserveTest : public ::testing::TestWithParam<double> {
 protected:
  static sim::SystemOptions system() {
    sim::SystemOptions made = options();
    made.gpu.read_index_early = GetParam();
    return made;
  }
  /// What comes of the backend within `time`.
  static std::vector<Event> events_within(Testbed& testbed, Duration time) {
    std::vector<Event> events;
    Backend& backend = testbed.backend();
    const Instant end = backend.now() + time;
    while (auto event = backend.next_event(end).value()) {
      events.push_back(*std::move(event));
    }
    return events;
  }
};

TEST_P(ObserveTest, QueuesAreSeenAndNoSessionStands) {
  ASSERT_TRUE(run([] {
    const auto testbed = open_vkfd_testbed(world(), system()).value();
    const Pid pid = testbed->launch(inference(5, milliseconds(20), 1)).value();
    const TargetId target = testbed->backend().attach(pid, AttachMode::kObserve).value();
    testbed->start();
    const auto events = events_within(*testbed, milliseconds(200));
    std::size_t born = 0;
    bool attached = false;
    for (const Event& event : events) {
      attached = attached || std::holds_alternative<AttachDone>(event.what);
      born += std::holds_alternative<QueueBorn>(event.what) ? 1U : 0U;
    }
    EXPECT_TRUE(attached);
    EXPECT_GT(born, 0U);
    EXPECT_EQ(testbed->backend().queues(target).size(), born);
    // Two sessions are refused: that there is room for one shows that none stands.
    EXPECT_TRUE(testbed->probe().enable(pid));
    EXPECT_TRUE(testbed->probe().disable(pid));
    ASSERT_TRUE(testbed->backend().close());
  }));
}

TEST_P(ObserveTest, EveryRequestIsABusyAndAnIdleEdge) {
  constexpr std::uint32_t kRequests = 5;
  ASSERT_TRUE(run([] {
    const auto testbed = open_vkfd_testbed(world(), system()).value();
    // 600 us each, 100 ms apart: no two meet, and each lasts longer than half a period.
    Program program = inference(kRequests, milliseconds(1), 1);
    for (std::size_t i = 0; i < program.arrivals.size(); ++i) {
      program.arrivals[i].at = milliseconds(50 + 100 * i);
    }
    const Pid pid = testbed->launch(program).value();
    const TargetId target = testbed->backend().attach(pid, AttachMode::kObserve).value();
    ASSERT_TRUE(testbed->backend().watch(target, std::chrono::microseconds(200)));
    testbed->start();
    std::size_t edges = 0;
    for (const Event& event : events_within(*testbed, milliseconds(700))) {
      if (const auto* edge = std::get_if<ActivityEdge>(&event.what)) {
        EXPECT_EQ(edge->busy, edges % 2 == 0);
        EXPECT_TRUE(edge->proven);
        ++edges;
      }
    }
    EXPECT_EQ(edges, 2U * kRequests);
    ASSERT_TRUE(testbed->backend().close());
  }));
}

/// Whose debugfs lists no queue, however often it is read.
class NoQueuesInDebugfs final : public kfd::ForwardingOs {
 public:
  using ForwardingOs::ForwardingOs;
  [[nodiscard]] kfd::SysResult<std::string> read_file(const std::string& path) override {
    if (path == "/sys/kernel/debug/kfd/mqds") {
      ++reads;
      return std::string();
    }
    return ForwardingOs::read_file(path);
  }
  std::size_t reads = 0;
};

TEST(Observer, ReadsDebugfsEverMoreSeldomForRingsThatAreNotThere) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const Pid pid = rig.system().launch(training(2)).value();
    rig.system().start();
    (void)rig.os().wait({}, rig.os().now() + milliseconds(20));
    NoQueuesInDebugfs os(rig.os());
    const auto outbox = kfd::Mailbox<kfd::BackendMessage>::open(os).value();
    const auto observer =
        kfd::Observer::start(os, {.scan_period = milliseconds(10)}, outbox).value();
    observer->follow(TargetId(1), pid);
    observer->watch(TargetId(1), pid, milliseconds(1));
    (void)rig.os().wait({}, rig.os().now() + std::chrono::seconds(3));
    // At once, after 10 ms, then after pauses of 20, 40 ... 640 ms and 1 s: 9 within 2.27 s.
    EXPECT_EQ(os.reads, 9U);
    observer->close();
  }));
}

INSTANTIATE_TEST_SUITE_P(ReadIndex, ObserveTest, ::testing::Values(0, 1),
                         [](const auto& each) { return each.param != 0 ? "Early" : "Late"; });

}  // namespace
}  // namespace gpreempt::vkfd
