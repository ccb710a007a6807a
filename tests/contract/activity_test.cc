// Goal: busy and idle edges mean the same whether firmware moves a ring's read index when a kernel
// begins or when it ends: no edge "idle" while work is under way.
// Method: a service with pauses is watched on hardware of both kinds; its own records are the
// truth.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kPeriod = milliseconds(1);

struct Edge {
  Instant at;
  bool busy = false;
};

class ActivityTest : public BackendTest {
 protected:
  /// Watches a service to its end and returns its edges; nullopt where nobody can watch.
  std::optional<std::vector<Edge>> watch(const Program& service) {
    if (!backend().info().watch.empty()) {
      return std::nullopt;
    }
    pid_ = launch(service);
    const Attached target = attach(pid_, AttachMode::kObserve);
    const Result<void> watched = backend().watch(target.id, kPeriod);
    EXPECT_TRUE(watched) << sentence(watched);
    testbed().start();
    serve_for(service.arrivals.back().at + milliseconds(500));
    EXPECT_EQ(progress(pid_).requests_completed, service.arrivals.size());
    std::vector<Edge> edges;
    for (const Event& event : log()) {
      if (const auto* const edge = std::get_if<ActivityEdge>(&event.what)) {
        edges.push_back(Edge{.at = event.at, .busy = edge->busy});
      }
    }
    return edges;
  }
  [[nodiscard]] const std::vector<RequestRecord>& requests() { return testbed().requests(pid_); }

 private:
  Pid pid_;
};
GPREEMPT_IN_BOTH_FIRMWARES(ActivityTest);

#define GPREEMPT_WATCH_OR_SKIP(edges, service)                          \
  const std::optional<std::vector<Edge>> edges##_seen = watch(service); \
  if (!edges##_seen) GTEST_SKIP() << backend().info().watch;            \
  const std::vector<Edge>& edges = *edges##_seen

TEST_P(ActivityTest, IdleIsNeverReportedWhileWorkIsUnderWay) {
  // A few kernels of 2 ms in a row, and longer ones of 15 ms, over which nothing in the ring moves.
  Program service = online_service(8, microseconds(61'300));
  service.trains.push_back({KernelRun{
      .count = 2, .duration = milliseconds(15), .shape = service.trains.front().front().shape}});
  for (std::size_t i = 1; i < service.arrivals.size(); i += 2) {
    service.arrivals[i].train = 1;
  }
  GPREEMPT_WATCH_OR_SKIP(edges, service);
  for (const Edge& edge : edges) {
    const bool works = std::any_of(requests().begin(), requests().end(), [&](const auto& request) {
      return request.arrival < edge.at && edge.at < request.end;
    });
    EXPECT_EQ(edge.busy, works) << to_ns(edge.at);
  }
}

TEST_P(ActivityTest, EveryBusyPeriodHasOneEdgeEachWay) {
  constexpr std::uint32_t kRequests = 7;
  const Program service = online_service(kRequests, microseconds(50'700));
  GPREEMPT_WATCH_OR_SKIP(edges, service);
  ASSERT_EQ(edges.size(), 2U * kRequests);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    EXPECT_EQ(edges[i].busy, i % 2 == 0) << i;
  }
}

TEST_P(ActivityTest, EdgesComeWithinThePollsThatTheyTake) {
  constexpr std::uint32_t kRequests = 7;
  const Program service = online_service(kRequests, microseconds(50'700));
  GPREEMPT_WATCH_OR_SKIP(edges, service);
  ASSERT_EQ(edges.size(), 2U * kRequests);
  for (std::size_t i = 0; i < kRequests; ++i) {
    const RequestRecord& request = requests().at(i);
    const Duration rise = edges[2 * i].at - request.arrival;
    EXPECT_GE(rise, Duration::zero());
    EXPECT_LE(rise, kPeriod) << "request " << i;
    // Two equal polls, and whatever the first of them came too early for.
    const Duration fall = edges[2 * i + 1].at - request.end;
    EXPECT_GE(fall, Duration::zero());
    EXPECT_LE(fall, 2 * kPeriod) << "request " << i;
  }
}

TEST_P(ActivityTest, RequestsThatFollowWithoutAPauseAreOneBusyPeriod) {
  const Program service = online_service(4, milliseconds(19));  // 20 ms of work each
  GPREEMPT_WATCH_OR_SKIP(edges, service);
  ASSERT_EQ(edges.size(), 2U);
  EXPECT_GE(edges.back().at, requests().back().end);
}

}  // namespace
}  // namespace gpreempt::contract
