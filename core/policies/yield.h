#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/decision.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/time.h"

/// What policies have in common.
namespace gpreempt {

/// Whether `member` uses a GPU of the Online tenant. One whose GPUs are not known counts on every
/// GPU.
[[nodiscard]] inline bool shares_gpu(const MemberView& member, const TenantView& online) {
  return online.cls == TenantClass::kOnline &&
         (online.gpus.empty() ||
          std::find(online.gpus.begin(), online.gpus.end(), member.gpu) != online.gpus.end());
}

/// Whether `member` has to yield to `online` when that has work: it ranks lower and uses the same
/// GPU.
[[nodiscard]] inline bool yields_to(const MemberView& member, const TenantView& online,
                                    const StateView& view) {
  return online.priority > view.tenants[member.tenant_index].priority && shares_gpu(member, online);
}

[[nodiscard]] inline bool is_off(const MemberView& member) {
  return member.current == Verdict::kSuspend;
}

/// Lets every member run, for want of Online work.
inline void let_all_run(const StateView& view, Instant now, std::span<Want> wants) {
  for (std::size_t i = 0; i < wants.size(); ++i) {
    wants[i] = {
        .verdict = Verdict::kRun, .reason = Reason::kNoOnlineWork, .cause = view.members[i].tenant};
    if (is_off(view.members[i])) {
      wants[i].terms.add(TermName::kHeldNs, now - view.members[i].since);
    }
  }
}

/// Asks `judge(member, online)` for a wish about each member that would have to yield to a busy
/// Online tenant, until one is to suspend; the others run. The wish's cause is the Online tenant.
template <class Judge>
void yield_if(const StateView& view, Instant now, std::span<Want> wants, Judge judge) {
  let_all_run(view, now, wants);
  for (const TenantView& tenant : view.tenants) {
    if (tenant.cls != TenantClass::kOnline || !tenant.busy) {
      continue;
    }
    for (std::size_t i = 0; i < wants.size(); ++i) {
      if (wants[i].verdict == Verdict::kRun && yields_to(view.members[i], tenant, view)) {
        wants[i] = judge(view.members[i], tenant);
        wants[i].cause = tenant.id;
      }
    }
  }
}

/// The wish to suspend because Online has work.
[[nodiscard]] inline Want online_is_busy(const TenantView& online, Instant now) {
  Want want{.verdict = Verdict::kSuspend, .reason = Reason::kOnlineBusy, .cause = online.id};
  want.terms.add(TermName::kBusyNs, now - online.busy_since);
  return want;
}

/// Suspends the members that have to yield to a busy Online tenant, the first of which is the
/// cause; the others run.
inline void yield_to_busy(const StateView& view, Instant now, std::span<Want> wants) {
  yield_if(view, now, wants, [now](const MemberView& /*member*/, const TenantView& online) {
    return online_is_busy(online, now);
  });
}

/// Keeps off what is off and had to yield until just now, for `hold(member)` after the Online
/// tenant fell idle. Returns when the first hold ends.
template <class Hold>
Instant keep_off_after_work(const StateView& view, Instant now, std::span<Want> wants, Hold hold) {
  Instant again = kForever;
  for (const TenantView& tenant : view.tenants) {
    const bool was_busy = tenant.idle_since > tenant.busy_since;
    if (tenant.cls != TenantClass::kOnline || tenant.busy || !was_busy) {
      continue;
    }
    for (std::size_t i = 0; i < wants.size(); ++i) {
      const MemberView& member = view.members[i];
      const Instant end = saturating_add(tenant.idle_since, hold(member));
      if (wants[i].verdict == Verdict::kRun && is_off(member) && now < end &&
          yields_to(member, tenant, view)) {
        wants[i] = {.verdict = Verdict::kSuspend, .reason = Reason::kHold, .cause = tenant.id};
        again = std::min(again, end);
      }
    }
  }
  return again;
}

/// Calls `visit(gpu)` once for each GPU on which there is a member, in the members' order.
template <class Visit>
void each_gpu(const StateView& view, Visit visit) {
  for (std::size_t i = 0; i < view.members.size(); ++i) {
    const auto before = view.members.first(i);
    const GpuId gpu = view.members[i].gpu;
    if (std::find_if(before.begin(), before.end(),
                     [gpu](const MemberView& each) { return each.gpu == gpu; }) == before.end()) {
      visit(gpu);
    }
  }
}

/// The busy Online tenants that use a GPU, as one.
struct OnlineLoad {
  bool busy = false;
  Instant busy_since = kForever;        ///< the earliest
  Instant idle_since = Instant::min();  ///< the latest end of work of those that are idle
  std::int64_t weight = 0;              ///< sum over the busy
  TenantId first{};                     ///< of the busy
};

[[nodiscard]] inline OnlineLoad online_load(const StateView& view, const MemberView& member) {
  OnlineLoad load;
  for (const TenantView& tenant : view.tenants) {
    if (!shares_gpu(member, tenant)) {
      continue;
    }
    if (tenant.busy) {
      load.first = load.busy ? load.first : tenant.id;
      load.busy = true;
      load.busy_since = std::min(load.busy_since, tenant.busy_since);
      load.weight += tenant.weight;
    } else {
      load.idle_since = std::max(load.idle_since, tenant.idle_since);
    }
  }
  return load;
}

inline constexpr std::int64_t kMillion = 1'000'000;
/// A fraction of one, in millionths.
[[nodiscard]] constexpr std::int64_t to_ppm(double fraction) {
  constexpr double kHalf = 0.5;
  return static_cast<std::int64_t>(fraction * static_cast<double>(kMillion) + kHalf);
}

}  // namespace gpreempt
