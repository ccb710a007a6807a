#include "core/policies/suspend.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "core/decision.h"
#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {
namespace {

bool outranks(const TenantView& online, const TenantView& offline) {
  return online.priority > offline.priority;
}

bool shares_gpu(const TenantView& online, const MemberView& member) {
  return online.gpus.empty() ||
         std::find(online.gpus.begin(), online.gpus.end(), member.gpu) != online.gpus.end();
}

class SuspendPolicy final : public Policy {
 public:
  [[nodiscard]] std::string_view name() const override { return "suspend"; }
  [[nodiscard]] PolicyNeeds needs() const override {
    return {.activity = true, .requests = false, .deadlines = false};
  }

  Instant decide(const StateView& view, Instant /*now*/, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    for (std::size_t i = 0; i < wants.size(); ++i) {
      wants[i] = {.verdict = Verdict::kRun,
                  .reason = Reason::kNoOnlineWork,
                  .cause = view.members[i].tenant};
    }
    for (const TenantView& tenant : view.tenants) {
      if (tenant.cls == TenantClass::kOnline && tenant.busy) {
        yield_to(tenant, view, wants);
      }
    }
    return kForever;
  }

 private:
  /// The first busy tenant that a member has to yield to is its cause.
  static void yield_to(const TenantView& online, const StateView& view, std::span<Want> wants) {
    for (std::size_t i = 0; i < wants.size(); ++i) {
      const MemberView& member = view.members[i];
      if (wants[i].verdict == Verdict::kRun && shares_gpu(online, member) &&
          outranks(online, view.tenants[member.tenant_index])) {
        wants[i] = {
            .verdict = Verdict::kSuspend, .reason = Reason::kOnlineBusy, .cause = online.id};
      }
    }
  }
};

}  // namespace

std::unique_ptr<Policy> make_suspend_policy() { return std::make_unique<SuspendPolicy>(); }

}  // namespace gpreempt
