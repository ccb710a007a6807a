// Goal: the KFD backend on the virtual driver behaves as the model's own backend. Method: the same
// scenario on both; what the scheduler decided, and what the driver was asked and when, are equal.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/sim/sim_testbed.h"
#include "backends/vkfd/vkfd_testbed.h"
#include "core/backend.h"
#include "core/decision.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event.h"
#include "core/event_log.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using std::chrono::milliseconds;

struct Record {
  std::string decisions;
  std::string everything;
  std::vector<DriverCall> calls;
  ProgramProgress offline;
  std::vector<RequestRecord> requests;
};

/// Writes two logs of one run.
class BothLogs final : public EventSink {
 public:
  BothLogs(EventLog& decisions, EventLog& everything)
      : decisions_(decisions), everything_(everything) {}
  void event(const Event& event) override { everything_.event(event); }
  void decision(const Decision& decision) override {
    decisions_.decision(decision);
    everything_.decision(decision);
  }
  void realisation(const Realisation& realisation) override {
    everything_.realisation(realisation);
  }

 private:
  EventLog& decisions_;
  EventLog& everything_;
};

struct Play {
  std::uint64_t seed = 0;
  std::optional<Duration> grace;
  std::optional<Duration> poll;  ///< of Online's rings; empty: it gives hints
};

/// Two Offline processes and one Online under the strict policy.
Record play(Testbed& testbed, const Play& how) {
  Record record;
  Backend& backend = testbed.backend();
  const Pid first = testbed.launch(training(2)).value();
  const Pid second = testbed.launch(training(1)).value();
  Program service = inference(60, milliseconds(4), how.seed);
  service.hints = !how.poll;
  const Pid online = testbed.launch(service).value();
  Scheduler scheduler(make_policy("suspend").value(), {.grace = how.grace});
  const auto attach = [&](Pid pid, AttachMode mode) { return backend.attach(pid, mode).value(); };
  EXPECT_TRUE(scheduler.add_tenant(
      {.name = "training",
       .priority = 2,
       .targets = {attach(first, AttachMode::kControl), attach(second, AttachMode::kControl)}}));
  const TargetId observed = attach(online, AttachMode::kObserve);
  EXPECT_TRUE(scheduler.add_tenant(
      {.name = "inference", .cls = TenantClass::kOnline, .priority = 15, .targets = {observed}}));
  if (how.poll) {
    EXPECT_TRUE(backend.watch(observed, *how.poll));
  }
  const EventLogHeader header{.scenario = "parity", .policy = "suspend", .seed = how.seed};
  EventLog decisions(record.decisions, header, EventLogContent::kDecisions);
  EventLog everything(record.everything, header);
  BothLogs sink(decisions, everything);
  const auto go_on = [&](Duration duration) {
    EXPECT_TRUE(drive(backend, scheduler, sink, backend.now() + duration));
  };
  go_on(milliseconds(2));
  testbed.start();
  go_on(milliseconds(100));
  EXPECT_TRUE(testbed.create_queue(first));  // a late-born queue
  go_on(milliseconds(200));
  EXPECT_TRUE(drive_to_rest(backend, scheduler, sink, kForever));
  EXPECT_TRUE(backend.close());
  record.calls = testbed.driver_calls();
  record.offline = testbed.progress(first);
  record.requests = testbed.requests(online);
  return record;
}

void expect_equal(const Record& a, const Record& b) {
  EXPECT_EQ(a.decisions, b.decisions);
  EXPECT_EQ(a.everything, b.everything);
  EXPECT_EQ(a.offline.work, b.offline.work);
  EXPECT_EQ(a.offline.kernels, b.offline.kernels);
  EXPECT_EQ(a.offline.bystander, b.offline.bystander);
  ASSERT_EQ(a.calls.size(), b.calls.size());
  for (std::size_t i = 0; i < a.calls.size(); ++i) {
    EXPECT_EQ(a.calls[i].target, b.calls[i].target);
    EXPECT_EQ(a.calls[i].kind, b.calls[i].kind);
    EXPECT_EQ(a.calls[i].called, b.calls[i].called);
    EXPECT_EQ(a.calls[i].done, b.calls[i].done);
    EXPECT_EQ(a.calls[i].phases, b.calls[i].phases);
    EXPECT_EQ(a.calls[i].saved_bytes, b.calls[i].saved_bytes);
  }
  ASSERT_EQ(a.requests.size(), b.requests.size());
  for (std::size_t i = 0; i < a.requests.size(); ++i) {
    EXPECT_EQ(a.requests[i].end, b.requests[i].end);
    EXPECT_EQ(a.requests[i].phases, b.requests[i].phases);
  }
}

class Parity : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Parity, SameDecisionsAndSameDriverCallsAsTheSimBackend) {
  SCOPED_TRACE(GetParam());
  Play how{.seed = GetParam(), .grace = Duration(17'123), .poll = milliseconds(1)};
  if (GetParam() % 2 == 0) {
    how.grace.reset();
  }
  if (GetParam() % 3 != 0) {
    how.poll.reset();
  }
  Record on_sim;
  Record on_vkfd;
  ASSERT_TRUE(run([&] {
    const auto testbed = sim::open_sim_testbed(world().timeline(), options());
    on_sim = play(*testbed, how);
  }));
  ASSERT_TRUE(run([&] {
    const auto testbed = open_vkfd_testbed(world(), options()).value();
    on_vkfd = play(*testbed, how);
  }));
  EXPECT_GT(on_sim.calls.size(), 40U);
  expect_equal(on_sim, on_vkfd);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Parity, testing::Range(std::uint64_t{1}, std::uint64_t{7}));

TEST(VkfdTestbed, SameSeedGivesTheSameLog) {
  Record first;
  Record second;
  for (Record* const record : {&first, &second}) {
    ASSERT_TRUE(
        run([&] { *record = play(*open_vkfd_testbed(world(), options()).value(), {.seed = 1}); }));
  }
  EXPECT_EQ(first.everything, second.everything);
}

}  // namespace
}  // namespace gpreempt::vkfd
