// `priority`: the 16 levels of logical priority between all tenants. A member is off while an
// Online tenant of higher priority has work on its GPU, as under `suspend`, and while an Offline
// tenant of higher priority has queues there: the scheduler cannot see an Offline tenant idle, so
// the lower one waits for it to go. Equals share.

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "core/decision.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/option_reader.h"
#include "core/policies/entries.h"
#include "core/policies/yield.h"
#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {
namespace {

constexpr PolicyNeeds kPriorityNeeds{.activity = true, .requests = false, .deadlines = false};

class PriorityPolicy final : public Policy {
 public:
  [[nodiscard]] std::string_view name() const override { return "priority"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kPriorityNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    yield_if(view, now, wants, [now](const TenantView& online) {
      return [now, &online](const MemberView& member, Want& want) {
        if (want.has_terms(member)) {
          want.terms.add(TermName::kBusyNs, now - online.busy_since);
          want.terms.add(TermName::kPriorityLevel, online.priority);
        }
      };
    });
    each_gpu(view, [&](GpuId gpu) { rank_offline(view, gpu, wants); });
    return kForever;
  }

 private:
  static void rank_offline(const StateView& view, GpuId gpu, std::span<Want> wants) {
    const TenantView* highest = nullptr;
    for (const MemberView& member : view.members) {
      const TenantView& tenant = view.tenants[member.tenant_index];
      if (member.gpu == gpu && (highest == nullptr || tenant.priority > highest->priority)) {
        highest = &tenant;
      }
    }
    for (std::size_t i = 0; i < wants.size(); ++i) {
      const MemberView& member = view.members[i];
      if (member.gpu == gpu && wants[i].verdict == Verdict::kRun &&
          view.tenants[member.tenant_index].priority < highest->priority) {
        wants[i].set(Verdict::kSuspend, Reason::kOutranked, highest->id);
        wants[i].terms.add(TermName::kPriorityLevel, highest->priority);
      }
    }
  }
};

Result<std::unique_ptr<Policy>> make_priority(OptionReader& /*options*/) {
  return std::make_unique<PriorityPolicy>();
}

}  // namespace

PolicyEntry priority_entry() {
  return {.name = "priority",
          .summary = "16 levels between all tenants, Offline against Offline too",
          .needs = kPriorityNeeds,
          .make = make_priority,
          .place = 40};
}

}  // namespace gpreempt
