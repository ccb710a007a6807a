#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/decision.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "tests/unit/core/scheduler_rig.h"

namespace gpreempt {

inline constexpr std::int64_t kMs = 1'000'000;

/// A scheduler with one Online tenant and two Offline ones, told what happens at which millisecond
/// and stepped at the deadlines that it asks for, as `drive` does. Says what was decided when, as
/// "12ms suspend online-busy"; of the second Offline tenant, "12ms B suspend online-busy".
class Timetable {
 public:
  struct Tenants {
    std::uint32_t online_weight = 1;
    std::uint32_t weight_a = 1;
    std::uint32_t weight_b = 1;
    std::uint32_t priority_b = 1;
    Duration promise = kNoPromise;
    Duration promise_a = kNoPromise;
  };

  explicit Timetable(std::string_view policy) : Timetable(policy, Tenants{}) {}
  Timetable(std::string_view policy, const Tenants& tenants)
      : Timetable(make_policy(policy).value(), tenants) {}
  explicit Timetable(std::unique_ptr<Policy> policy) : Timetable(std::move(policy), Tenants{}) {}
  Timetable(std::unique_ptr<Policy> policy, const Tenants& tenants)
      : scheduler_(std::move(policy), SchedulerOptions{}) {
    add("o", TenantClass::kOnline, 9, kOnline, tenants.online_weight, tenants.promise);
    add("a", TenantClass::kOffline, 1, kOffline, tenants.weight_a, tenants.promise_a);
    add("b", TenantClass::kOffline, tenants.priority_b, kSecond, tenants.weight_b, kNoPromise);
  }

  void born(std::int64_t ms) { at(ms, QueueBorn{queue_info(1, kOffline, kGpuA)}); }
  void born_b(std::int64_t ms) { at(ms, QueueBorn{queue_info(2, kSecond, kGpuA)}); }
  void busy(std::int64_t ms) { at(ms, ActivityEdge{kOnline, true}); }
  void idle(std::int64_t ms) { at(ms, ActivityEdge{kOnline, false}); }
  void arrive(std::int64_t ms, std::uint64_t request) { at(ms, WorkArrived{kOnline, request}); }
  void finish(std::int64_t ms, std::uint64_t request) { at(ms, WorkFinished{kOnline, request}); }
  void exit_a(std::int64_t ms) { at(ms, TargetExited{kOffline}); }
  /// Requests end so many milliseconds after they were issued (0, the default: at once).
  void requests_take(std::int64_t ms) { takes_ = Duration(ms * kMs); }
  /// The controller is frozen from now on, so that it is not asked before then.
  void frozen_until(std::int64_t ms) { last_ = instant_from_ns(ms * kMs); }
  /// Time passes.
  std::vector<std::string> until(std::int64_t ms) {
    serve_deadlines(instant_from_ns(ms * kMs));
    return std::exchange(said_, {});
  }
  /// How long the first (second) Offline tenant was decided off up to `ms`.
  [[nodiscard]] Duration off_until(std::int64_t ms, TargetId target = kOffline) const {
    const Instant end = instant_from_ns(ms * kMs);
    Duration off{};
    Instant since = end;
    for (const Decision& each : decisions_) {
      if (each.target != target || each.at > end) {
        continue;
      }
      if (each.verdict == Verdict::kSuspend) {
        since = each.at;
      } else {
        off += each.at - since;
        since = end;
      }
    }
    return off + (end - since);
  }
  [[nodiscard]] const std::vector<Decision>& decisions() const { return decisions_; }

  static constexpr TargetId kSecond{12};

 private:
  void add(std::string name, TenantClass cls, std::uint32_t priority, TargetId target,
           std::uint32_t weight, Duration promise) {
    EXPECT_TRUE(scheduler_.add_tenant({.name = std::move(name),
                                       .cls = cls,
                                       .priority = priority,
                                       .targets = {target},
                                       .weight = weight,
                                       .promise = promise}));
  }
  template <class What>
  void at(std::int64_t ms, What what) {
    const Instant now = instant_from_ns(ms * kMs);
    serve_deadlines(now);
    step(Event{.at = now, .what = std::move(what)}, now);
  }
  /// At its deadline the scheduler is asked before what happens then.
  void serve_deadlines(Instant end) {
    while (scheduler_.deadline() <= end || (!answers_.empty() && answers_.front().at <= end)) {
      if (!answers_.empty() && answers_.front().at <= std::max(scheduler_.deadline(), last_)) {
        const Event answer = answers_.front();
        answers_.erase(answers_.begin());
        step(answer, std::max(answer.at, last_));
      } else {
        step(std::nullopt, std::max(scheduler_.deadline(), last_));
      }
    }
  }
  void step(const std::optional<Event>& event, Instant now) {
    last_ = now;
    scheduler_.step(event ? &*event : nullptr, now, out_);
    for (const Decision& each : out_.decisions) {
      note(each);
    }
    for (const Action& action : out_.items) {
      scheduler_.issued(action, RequestId(1));
      ControlDone ended{.request = RequestId(1),
                        .target = action.target,
                        .kind = action.kind,
                        .issued = now,
                        .done = now + takes_,
                        .outcomes = {},
                        .error = {}};
      for (const QueueId id : out_.ids_of(action)) {
        ended.outcomes.push_back({.id = id, .outcome = Outcome::kOk});
      }
      answers_.push_back({.at = now + takes_, .what = std::move(ended)});
    }
    if (takes_ == Duration{}) {
      for (const Event& answer : std::exchange(answers_, {})) {
        step(answer, now);
      }
    }
  }
  void note(const Decision& each) {
    decisions_.push_back(each);
    const std::int64_t ns = to_ns(each.at);
    const std::string part = ns % kMs == 0 ? "" : "." + std::to_string(kMs + ns % kMs).substr(1);
    said_.push_back(std::to_string(ns / kMs) + part + "ms " + (each.target == kSecond ? "B " : "") +
                    std::string(to_string(each.verdict)) + " " +
                    std::string(to_string(each.reason)));
  }

  Scheduler scheduler_;
  Actions out_;
  Instant last_ = instant_from_ns(0);
  Duration takes_{};
  std::vector<Event> answers_;  ///< of requests in flight, in the order issued
  std::vector<std::string> said_;
  std::vector<Decision> decisions_;
};

}  // namespace gpreempt
