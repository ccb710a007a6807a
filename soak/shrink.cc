#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "core/fault.h"
#include "core/time.h"
#include "soak/campaign.h"
#include "soak/plan.h"

namespace gpreempt::soak {
namespace {

using Fails = std::function<bool(const SoakPlan&)>;

/// Takes the change if the plan still fails with it.
template <class Change>
bool try_change(SoakPlan& plan, const Fails& fails, Change change) {
  SoakPlan smaller = plan;
  change(smaller);
  if (!fails(smaller)) {
    return false;
  }
  plan = std::move(smaller);
  return true;
}

void drop_tenant(SoakPlan& plan, std::uint32_t index) {
  plan.tenants.erase(plan.tenants.begin() + index);
  std::erase_if(plan.faults, [&](const WorldFault& fault) { return fault.tenant == index; });
  for (WorldFault& fault : plan.faults) {
    fault.tenant -= fault.tenant > index ? 1U : 0U;
  }
}

bool drop_faults(SoakPlan& plan, const Fails& fails) {
  bool any = false;
  for (std::size_t i = plan.faults.size(); i > 0; --i) {
    any = try_change(
              plan, fails,
              [&](SoakPlan& smaller) {
                smaller.faults.erase(smaller.faults.begin() + static_cast<std::ptrdiff_t>(i - 1));
              }) ||
          any;
  }
  for (const FaultKind kind : fault_kinds()) {
    any = (plan.rates[kind] > 0 &&
           try_change(plan, fails, [&](SoakPlan& smaller) { smaller.rates[kind] = 0; })) ||
          any;
  }
  return any;
}

bool drop_tenants(SoakPlan& plan, const Fails& fails) {
  bool any = false;
  for (auto i = static_cast<std::uint32_t>(plan.tenants.size()); i > 0; --i) {
    any = try_change(plan, fails, [&](SoakPlan& smaller) { drop_tenant(smaller, i - 1); }) || any;
  }
  for (std::size_t i = 0; i < plan.tenants.size(); ++i) {
    any = (plan.tenants[i].queues > 1 &&
           try_change(plan, fails, [&](SoakPlan& smaller) { smaller.tenants[i].queues = 1; })) ||
          any;
    any = (plan.tenants[i].hip &&
           try_change(plan, fails, [&](SoakPlan& smaller) { smaller.tenants[i].hip = false; })) ||
          any;
  }
  return any;
}

}  // namespace

SoakPlan shrink(SoakPlan plan, const Fails& fails) {
  constexpr Duration kShortest = std::chrono::milliseconds(2);
  bool any = true;
  while (any) {
    any = drop_faults(plan, fails);
    any = drop_tenants(plan, fails) || any;
    any = (plan.kill_controller &&
           try_change(plan, fails, [](SoakPlan& smaller) { smaller.kill_controller = false; })) ||
          any;
    any = (plan.length > kShortest &&
           try_change(plan, fails, [](SoakPlan& smaller) { smaller.length /= 2; })) ||
          any;
  }
  return plan;
}

}  // namespace gpreempt::soak
