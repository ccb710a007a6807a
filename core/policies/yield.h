#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/decision.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/policy.h"
#include "core/time.h"

/// What policies have in common.
namespace gpreempt {

/// Whether an Online tenant on `gpus` uses the GPU. One whose GPUs are not known counts on all.
[[nodiscard]] inline bool includes(std::span<const GpuId> gpus, GpuId gpu) {
  return gpus.empty() || gpus.front() == gpu ||
         std::find(gpus.begin(), gpus.end(), gpu) != gpus.end();
}

/// Whether the tenant is an Online one that uses the GPU.
[[nodiscard]] inline bool serves(const TenantView& online, GpuId gpu) {
  return online.cls == TenantClass::kOnline && includes(online.gpus, gpu);
}

/// Whether it is an Online one with work.
[[nodiscard]] inline bool is_busy_online(const TenantView& tenant) {
  return tenant.busy && tenant.cls == TenantClass::kOnline;
}

/// Whether `member` uses a GPU of the Online tenant.
[[nodiscard]] inline bool shares_gpu(const MemberView& member, const TenantView& online) {
  return serves(online, member.gpu);
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

/// Lets a member run, for want of Online work.
inline void let_run(const MemberView& member, Instant now, Want& want) {
  want.set(Verdict::kRun, Reason::kNoOnlineWork, member.tenant);
  if (want.has_terms(member)) {
    want.terms.add(TermName::kHeldNs, now - member.since);
  }
}

/// Lets every member run, for want of Online work.
inline void let_all_run(const StateView& view, Instant now, std::span<Want> wants) {
  for (std::size_t i = 0; i < wants.size(); ++i) {
    let_run(view.members[i], now, wants[i]);
  }
}

/// Asks about each member that would have to yield to a busy Online tenant, until one is to
/// suspend; the others run. For each such tenant `judge_for(online)` returns who is then called as
/// `judge(member, want)`, with the wish to suspend, for that tenant, and without terms.
template <class JudgeFor>
void yield_if(const StateView& view, Instant now, std::span<Want> wants, JudgeFor judge_for) {
  bool is_first = true;  // no wish stands yet
  for (const TenantView& tenant : view.tenants) {
    if (!is_busy_online(tenant)) {
      continue;
    }
    const std::span<const GpuId> gpus = tenant.gpus;
    const std::uint32_t priority = tenant.priority;
    auto judge = judge_for(tenant);
    const auto ask = [&](const MemberView& member, Want& want) {
      if (priority <= view.tenants[member.tenant_index].priority || !includes(gpus, member.gpu)) {
        return false;
      }
      want.set(Verdict::kSuspend, Reason::kOnlineBusy, tenant.id);
      judge(member, want);
      return true;
    };
    for (std::size_t i = 0; is_first && i < wants.size(); ++i) {
      if (!ask(view.members[i], wants[i])) {
        let_run(view.members[i], now, wants[i]);
      }
    }
    for (std::size_t i = 0; !is_first && i < wants.size(); ++i) {
      if (wants[i].verdict == Verdict::kRun) {
        ask(view.members[i], wants[i]);
      }
    }
    is_first = false;
  }
  if (is_first) {
    let_all_run(view, now, wants);
  }
}

/// Suspends the members that have to yield to a busy Online tenant, the first of which is the
/// cause; the others run. Every wish to suspend says how long Online has been busy, so that a
/// policy may still turn it into one to run.
inline void yield_to_busy(const StateView& view, Instant now, std::span<Want> wants) {
  yield_if(view, now, wants, [now](const TenantView& online) {
    return [busy = now - online.busy_since](const MemberView& /*member*/, Want& want) {
      want.terms.add(TermName::kBusyNs, busy);
    };
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
      if (wants[i].verdict != Verdict::kRun || !is_off(member)) {
        continue;
      }
      const Instant end = saturating_add(tenant.idle_since, hold(member));
      if (now < end && yields_to(member, tenant, view)) {
        wants[i].set(Verdict::kSuspend, Reason::kHold, tenant.id);
        again = std::min(again, end);
      }
    }
  }
  return again;
}

/// Calls `visit(gpu)` once for each GPU on which there is a member, in the members' order.
template <class Visit>
void each_gpu(const StateView& view, Visit visit) {
  const std::span<const MemberView> members = view.members;
  for (std::size_t i = 0; i < members.size();) {
    const GpuId gpu = members[i].gpu;
    const auto is_there = [gpu](const MemberView& each) { return each.gpu == gpu; };
    if (std::ranges::none_of(members.first(i), is_there)) {
      visit(gpu);
    }
    do {
      ++i;
    } while (i < members.size() && members[i].gpu == gpu);
  }
}

/// A set of small indices, which does not allocate: those of the first so many are bits, and
/// the rest is not kept.
class SmallSet {
 public:
  static constexpr std::size_t kMost = 1024;
  /// Whether `index`, which is under `kMost`, was not in it.
  bool insert(std::size_t index) {
    std::uint64_t& word = words_.at(index / kBits);
    const std::uint64_t bit = std::uint64_t{1} << index % kBits;
    const bool is_new = (word & bit) == 0 || GPREEMPT_MUTANT("small-set-forgets");
    word |= bit;
    return is_new;
  }

 private:
  static constexpr std::size_t kBits = 64;
  std::array<std::uint64_t, kMost / kBits> words_{};
};

/// Calls `visit(tenant)` once for each tenant with a member on `gpu`, in the members' order.
template <class Visit>
void each_tenant(const StateView& view, GpuId gpu, Visit visit) {
  SmallSet seen;
  for (std::size_t i = 0; i < view.members.size(); ++i) {
    const MemberView& member = view.members[i];
    if (member.gpu != gpu) {
      continue;
    }
    const auto is_same = [&](const MemberView& each) {
      return each.gpu == gpu && each.tenant == member.tenant;
    };
    const bool is_first = member.tenant_index < SmallSet::kMost
                              ? seen.insert(member.tenant_index)
                              : std::ranges::none_of(view.members.first(i), is_same);
    if (is_first) {
      visit(view.tenants[member.tenant_index]);
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

[[nodiscard]] inline OnlineLoad online_load(const StateView& view, GpuId gpu) {
  OnlineLoad load;
  for (const TenantView& tenant : view.tenants) {
    if (!serves(tenant, gpu)) {
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
