#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "core/decision.h"
#include "core/policy.h"

/// What the policies that let Online go first have in common.
namespace gpreempt {

/// Whether `member` has to yield to `online` when that has work: it ranks lower and uses the same
/// GPU. An Online tenant whose GPUs are not known counts on every GPU.
[[nodiscard]] inline bool yields_to(const MemberView& member, const TenantView& online,
                                    const StateView& view) {
  const bool shares_gpu = online.gpus.empty() || std::find(online.gpus.begin(), online.gpus.end(),
                                                           member.gpu) != online.gpus.end();
  return shares_gpu && online.priority > view.tenants[member.tenant_index].priority;
}

/// Suspends the members that have to yield to a busy Online tenant, the first of which is the
/// cause; the others run.
inline void yield_to_busy(const StateView& view, std::span<Want> wants) {
  for (std::size_t i = 0; i < wants.size(); ++i) {
    wants[i] = {
        .verdict = Verdict::kRun, .reason = Reason::kNoOnlineWork, .cause = view.members[i].tenant};
  }
  for (const TenantView& tenant : view.tenants) {
    if (tenant.cls != TenantClass::kOnline || !tenant.busy) {
      continue;
    }
    for (std::size_t i = 0; i < wants.size(); ++i) {
      if (wants[i].verdict == Verdict::kRun && yields_to(view.members[i], tenant, view)) {
        wants[i] = {
            .verdict = Verdict::kSuspend, .reason = Reason::kOnlineBusy, .cause = tenant.id};
      }
    }
  }
}

}  // namespace gpreempt
