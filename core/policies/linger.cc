#include "core/policies/linger.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "core/decision.h"
#include "core/policies/yield.h"
#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {
namespace {

class LingerPolicy final : public Policy {
 public:
  explicit LingerPolicy(LingerOptions options) : options_(options) {}

  [[nodiscard]] std::string_view name() const override { return "linger"; }
  [[nodiscard]] PolicyNeeds needs() const override {
    return {.activity = true, .requests = false, .deadlines = false};
  }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    yield_to_busy(view, wants);
    Instant again = kForever;
    for (const TenantView& tenant : view.tenants) {
      const bool was_busy = tenant.idle_since > tenant.busy_since;
      const Instant end = saturating_add(tenant.idle_since, options_.hold);
      if (tenant.cls == TenantClass::kOnline && !tenant.busy && was_busy && now < end) {
        again = std::min(again, hold(tenant, view, wants) ? end : kForever);
      }
    }
    return again;
  }

 private:
  /// Keeps off what is off and would have to yield to `online`. Whether there was any.
  static bool hold(const TenantView& online, const StateView& view, std::span<Want> wants) {
    bool any = false;
    for (std::size_t i = 0; i < wants.size(); ++i) {
      const MemberView& member = view.members[i];
      const bool is_off = member.current == Verdict::kSuspend;
      if (wants[i].reason != Reason::kOnlineBusy && is_off && yields_to(member, online, view)) {
        wants[i] = {.verdict = Verdict::kSuspend, .reason = Reason::kHold, .cause = online.id};
        any = true;
      }
    }
    return any;
  }

  LingerOptions options_;
};

}  // namespace

std::unique_ptr<Policy> make_linger_policy(LingerOptions options) {
  return std::make_unique<LingerPolicy>(options);
}

}  // namespace gpreempt
