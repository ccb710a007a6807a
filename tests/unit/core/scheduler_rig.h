#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt {

inline constexpr GpuId kGpuA(100);
inline constexpr GpuId kGpuB(200);
/// Targets 1.. are Online in these tests, 11.. Offline.
inline constexpr TargetId kOnline(1);
inline constexpr TargetId kOffline(11);

[[nodiscard]] inline QueueInfo queue_info(std::uint32_t queue, TargetId target, GpuId gpu) {
  return {.id = QueueId(queue),
          .target = target,
          .gpu = gpu,
          .kernel_id = queue,
          .type = QueueType::kCompute,
          .role = QueueRole::kUser,
          .ring_bytes = 4096,
          .state = QueueState::kRunning};
}

/// A scheduler whose requests the test completes; every event comes 1 us after the last.
class SchedulerRig {
 public:
  explicit SchedulerRig(std::string_view policy = "suspend", SchedulerOptions options = {})
      : scheduler(make_policy(policy).value(), options) {}

  template <class What>
  const Actions& feed(What what) {
    return feed_event(Event{.at = tick(), .what = std::move(what)});
  }
  const Actions& feed_nothing() {
    scheduler.step(nullptr, tick(), out);
    return remember();
  }
  const Actions& feed_event(const Event& event) {
    scheduler.step(&event, now, out);
    return remember();
  }
  const Actions& shut_down() {
    scheduler.shut_down(tick(), out);
    return remember();
  }
  const Actions& born(std::uint32_t queue, TargetId target, GpuId gpu = kGpuA) {
    return feed(QueueBorn{queue_info(queue, target, gpu)});
  }
  const Actions& busy(TargetId target = kOnline) { return feed(ActivityEdge{target, true}); }
  const Actions& idle(TargetId target = kOnline) { return feed(ActivityEdge{target, false}); }

  [[nodiscard]] bool in_flight(TargetId target) const { return flights_.contains(target); }

  /// Ends the target's request: `outcome` for every id, or those named in `odd`.
  const Actions& complete(TargetId target, Outcome outcome = Outcome::kOk,
                          const std::map<std::uint32_t, Outcome>& odd = {},
                          std::optional<Error> error = {}) {
    const auto [action, ids, issued] = flights_.at(target);
    flights_.erase(target);
    const Instant at = tick();
    ControlDone done{.request = RequestId(1),
                     .target = target,
                     .kind = action.kind,
                     .issued = issued,
                     .done = at,
                     .outcomes = {},
                     .error = std::move(error)};
    for (const QueueId id : ids) {
      const auto found = odd.find(id.value());
      done.outcomes.push_back({.id = id, .outcome = found == odd.end() ? outcome : found->second});
    }
    return feed_event(Event{.at = at, .what = std::move(done)});
  }

  /// The backend refuses what the last step asked of the target.
  void refuse(TargetId target, Errc code = Errc::kBusy) {
    scheduler.refused(flights_.at(target).action, Error{.code = code, .sys_errno = 0, .what = "no"},
                      now);
    flights_.erase(target);
  }

  /// Adds a tenant of one target.
  TenantId tenant(TenantClass cls, std::uint32_t priority, std::vector<TargetId> targets) {
    return scheduler
        .add_tenant({.name = "t", .cls = cls, .priority = priority, .targets = std::move(targets)})
        .value();
  }

  /// An Online tenant over one Offline one whose target has queue 1 on GPU A.
  void small_world() {
    tenant(TenantClass::kOnline, 9, {kOnline});
    tenant(TenantClass::kOffline, 1, {kOffline});
    born(1, kOffline);
  }

  Scheduler scheduler;
  Actions out;
  Instant now = instant_from_ns(1'000'000);

 private:
  struct InFlight {
    Action action;
    std::vector<QueueId> ids;
    Instant issued;
  };

  Instant tick() { return now += std::chrono::microseconds(1); }
  const Actions& remember() {
    for (const Action& action : out.items) {
      EXPECT_FALSE(in_flight(action.target)) << "two requests in flight";
      const auto ids = out.ids_of(action);
      flights_[action.target] = {.action = action, .ids = {ids.begin(), ids.end()}, .issued = now};
      scheduler.issued(action, RequestId(1));
    }
    return out;
  }

  std::map<TargetId, InFlight> flights_;
};

/// The queues of the only action, or none; its kind must be `kind`.
[[nodiscard]] inline std::vector<std::uint32_t> only_action(const Actions& out, ControlKind kind) {
  if (out.items.size() != 1 || out.items[0].kind != kind) {
    return {};
  }
  std::vector<std::uint32_t> queues;
  for (const QueueId id : out.ids_of(out.items[0])) {
    queues.push_back(id.value());
  }
  return queues;
}

}  // namespace gpreempt
