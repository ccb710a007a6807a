#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

/// A scheduler with many tenants on one GPU, and steps for it: to be timed, or watched.
namespace gpreempt {

/// One Online tenant for every seven Offline ones.
class Bench {
  static constexpr GpuId kGpu{1};
  static constexpr std::uint32_t kQueues = 2;  // of each target

 public:
  Bench(std::string_view policy, std::uint32_t tenants)
      : scheduler_(make_policy(policy).value(), {}), answers_(tenants + 1) {
    for (std::uint32_t i = 1; i <= tenants; ++i) {
      const bool online = i % 8 == 1;
      const TargetId target(i);
      GPREEMPT_CHECK(scheduler_
                         .add_tenant({.name = std::to_string(i),
                                      .cls = online ? TenantClass::kOnline : TenantClass::kOffline,
                                      .priority = online ? 9U : 1U,
                                      .targets = {target}})
                         .has_value());
      (online ? online_ : offline_).push_back(target);
      answers_[i].outcomes.reserve(kQueues);
      for (std::uint32_t queue = 0; queue < kQueues; ++queue) {
        QueueInfo info;
        info.id = QueueId(kQueues * i + queue);
        info.target = target;
        info.gpu = kGpu;
        step(QueueBorn{info});
      }
    }
  }

  template <class What>
  void step(const What& what) {
    event_.at = now_ += Duration(10);
    event_.what = what;
    ask(&event_);
  }

  /// Lets the time pass at which the policy wants to be asked again. Returns whether it wanted to.
  bool pass_deadline() {
    if (scheduler_.deadline() == kForever) {
      return false;
    }
    now_ = std::max(now_, scheduler_.deadline());
    ask(nullptr);
    return true;
  }

  /// Answers every request that is open; returns how many there were.
  std::uint64_t answer() {
    std::uint64_t steps = 0;
    for (const TargetId target : offline_) {
      ControlDone& done = answers_[target.value()];
      if (done.outcomes.empty()) {
        continue;
      }
      event_.at = done.done = now_ += Duration(10);
      event_.what.emplace<ControlDone>();
      std::get<ControlDone>(event_.what).outcomes.swap(done.outcomes);
      ControlDone& sent = std::get<ControlDone>(event_.what);
      sent.target = target;
      sent.kind = done.kind;
      sent.issued = done.issued;
      sent.done = done.done;
      ask(&event_);
      sent.outcomes.swap(done.outcomes);
      done.outcomes.clear();
      ++steps;
    }
    return steps;
  }

  [[nodiscard]] const std::vector<TargetId>& online() const { return online_; }
  [[nodiscard]] const std::vector<TargetId>& offline() const { return offline_; }

 private:
  void ask(const Event* event) {
    scheduler_.step(event, now_, out_);
    for (const Action& action : out_.items) {
      scheduler_.issued(action, RequestId(0));
      ControlDone& done = answers_[action.target.value()];
      done.kind = action.kind;
      done.issued = now_;
      for (const QueueId id : out_.ids_of(action)) {
        done.outcomes.push_back({.id = id, .outcome = Outcome::kOk});
      }
    }
  }

  Scheduler scheduler_;
  Actions out_;
  Event event_{};
  Instant now_ = instant_from_ns(0);
  std::vector<TargetId> online_;
  std::vector<TargetId> offline_;
  std::vector<ControlDone> answers_;
};

/// A busy period of one Online tenant with ten requests; all Offline ones are suspended and resumed
/// as the policy likes, which is asked whenever it wants to be, up to some bound.
inline std::uint64_t busy_period(Bench& bench) {
  constexpr std::uint64_t kRequests = 10;
  constexpr int kDeadlines = 4;
  const TargetId online = bench.online().front();
  std::uint64_t steps = 2 * kRequests;
  const auto settle = [&] {
    steps += bench.answer();
    for (int i = 0; i < kDeadlines && bench.pass_deadline(); ++i) {
      steps += 1 + bench.answer();
    }
  };
  for (std::uint64_t request = 0; request < kRequests; ++request) {
    bench.step(WorkArrived{.target = online, .request = request});
  }
  settle();
  for (std::uint64_t request = 0; request < kRequests; ++request) {
    bench.step(WorkFinished{.target = online, .request = request});
  }
  settle();
  return steps;
}

/// After it, tables have their size.
inline void warm_up(Bench& bench) {
  constexpr int kPeriods = 100;
  for (int i = 0; i < kPeriods; ++i) {
    busy_period(bench);
  }
}

}  // namespace gpreempt
