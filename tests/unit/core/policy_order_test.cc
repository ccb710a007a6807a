// Goal: who goes first does not depend on how it is looked for: among many tenants on several GPUs
// a policy wants what its definition says, pair by pair.
// Method: views drawn by rapidcheck, and the definition written out; slots by hand calculation.

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/decision.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/time.h"
#include "tests/unit/core/timetable.h"

namespace gpreempt {
namespace {

using std::chrono::milliseconds;

constexpr Instant kNow = instant_from_ns(1'000'000'000);

/// Tenants and members of a view, and where the Online ones are.
struct DrawnView {
  std::vector<std::vector<GpuId>> gpus;
  std::vector<TenantView> tenants;
  std::vector<MemberView> members;

  [[nodiscard]] StateView view() const { return {.tenants = tenants, .members = members}; }
};

/// A few dates, so that many are equal.
Instant some_date() { return kNow - *rc::gen::inRange(1, 6) * milliseconds(1); }
GpuId some_gpu() { return GpuId(*rc::gen::inRange<std::uint32_t>(1, 4)); }

void add_tenant(DrawnView& drawn) {
  TenantView tenant{.id = TenantId(static_cast<std::uint32_t>(drawn.tenants.size()))};
  tenant.cls = *rc::gen::arbitrary<bool>() ? TenantClass::kOnline : TenantClass::kOffline;
  tenant.priority = tenant.cls == TenantClass::kOnline ? 9 : 1;
  if (*rc::gen::arbitrary<bool>()) {
    tenant.promise = *rc::gen::inRange(1, 6) * milliseconds(1);
  }
  std::vector<GpuId>& gpus = drawn.gpus.emplace_back();
  if (tenant.cls == TenantClass::kOnline) {
    tenant.busy = *rc::gen::arbitrary<bool>();
    tenant.busy_since = some_date();
    tenant.outstanding = tenant.busy && *rc::gen::arbitrary<bool>() ? 1 : 0;
    tenant.oldest_arrival = tenant.outstanding > 0 ? some_date() : kForever;
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
      gpus.push_back(some_gpu());
    }
  }
  drawn.tenants.push_back(tenant);
}

DrawnView draw() {
  DrawnView drawn;
  for (int i = *rc::gen::inRange(1, 12); i > 0; --i) {
    add_tenant(drawn);
  }
  for (std::size_t i = 0; i < drawn.tenants.size(); ++i) {
    TenantView& tenant = drawn.tenants[i];
    tenant.gpus = drawn.gpus[i];
    for (int m = tenant.cls == TenantClass::kOffline ? *rc::gen::inRange(0, 4) : 0; m > 0; --m) {
      drawn.members.push_back(
          {.tenant = tenant.id,
           .tenant_index = static_cast<std::uint32_t>(i),
           .gpu = some_gpu(),
           .current = *rc::gen::arbitrary<bool>() ? Verdict::kRun : Verdict::kSuspend,
           .since = some_date(),
           .ran_before = *rc::gen::inRange(0, 2) * milliseconds(1)});
    }
  }
  return drawn;
}

std::vector<Want> wants_of(const std::string& policy, const StateView& view, Instant now) {
  std::vector<MemberNotes> notes(view.members.size());
  PolicyState state{.members = notes};
  std::vector<Want> wants(view.members.size());
  make_policy(policy).value()->decide(view, now, state, wants);
  return wants;
}

Instant deadline_of(const StateView& view, std::size_t member) {
  const MemberView& who = view.members[member];
  return saturating_add(who.since, view.tenants[who.tenant_index].promise);
}

bool is_on(const TenantView& online, GpuId gpu) {
  bool found = online.gpus.empty();
  for (const GpuId each : online.gpus) {
    found = found || each == gpu;
  }
  return found;
}

/// What goes before a member: how many, and the deadline and tenant of the first.
struct Before {
  std::uint32_t count = 0;
  Instant deadline = kForever;
  TenantId tenant;

  void add(Instant new_deadline, TenantId new_tenant) {
    if (count++ == 0 || new_deadline < deadline) {
      deadline = new_deadline;
      tenant = new_tenant;
    }
  }
};

Before before(const StateView& view, std::size_t member) {
  const Instant own = deadline_of(view, member);
  const GpuId gpu = view.members[member].gpu;
  Before result;
  for (const TenantView& tenant : view.tenants) {
    if (tenant.cls == TenantClass::kOnline && tenant.busy && is_on(tenant, gpu) &&
        tenant.deadline() <= own) {
      result.add(tenant.deadline(), tenant.id);
    }
  }
  for (std::size_t i = 0; i < view.members.size(); ++i) {
    const Instant other = deadline_of(view, i);
    const bool competes = i != member && view.members[i].gpu == gpu && other != kForever;
    if (competes && (other < own || (other == own && i < member))) {
      result.add(other, view.members[i].tenant);
    }
  }
  return result;
}

RC_GTEST_PROP(KEdfOrderTest, AMemberIsOffIfAndOnlyIfKOthersGoBeforeItAndItsTurnIsOver, ()) {
  const DrawnView drawn = draw();
  const StateView view = drawn.view();
  const auto k = *rc::gen::inRange<std::uint32_t>(1, 5);
  const std::vector<Want> wants = wants_of("k-edf:turn=3ms,k=" + std::to_string(k), view, kNow);
  for (std::size_t i = 0; i < wants.size(); ++i) {
    const MemberView& member = view.members[i];
    const Before ahead = before(view, i);
    const bool in_turn = deadline_of(view, i) != kForever && member.current == Verdict::kRun &&
                         member.ran_before > Duration{} && kNow < member.since + milliseconds(3);
    const bool off = ahead.count >= k && !in_turn;
    RC_ASSERT(wants[i].verdict == (off ? Verdict::kSuspend : Verdict::kRun));
    RC_ASSERT(!off || wants[i].cause == ahead.tenant);
    if (off && wants[i].changes(member) && ahead.deadline != kForever) {
      RC_ASSERT(wants[i].terms.items().size() == 1U);
      RC_ASSERT(wants[i].terms.items().front().value == to_ns(ahead.deadline - kNow));
    }
  }
}

TEST(PartitionOrderTest, OverAThousandTenantsHaveTheirSlotsInTheOrderTheyCame) {
  // 1030 tenants of two members each share the second half of 2060 ms: 1 ms for each.
  constexpr std::uint32_t kTenants = 1030;
  DrawnView many;
  for (std::uint32_t i = 0; i < 2 * kTenants; ++i) {
    if (i < kTenants) {
      many.tenants.push_back({.id = TenantId(i)});
    }
    many.members.push_back(
        {.tenant = TenantId(i % kTenants), .tenant_index = i % kTenants, .gpu = GpuId(1)});
  }
  for (const std::uint32_t owner : {0U, 63U, 64U, 1023U, 1024U, 1029U}) {
    const Instant now = instant_from_ns(0) + milliseconds(1030 + owner);
    const std::vector<Want> wants =
        wants_of("partition:online=50%,period=2060ms", many.view(), now);
    for (std::uint32_t i = 0; i < wants.size(); ++i) {
      ASSERT_EQ(wants[i].verdict, i % kTenants == owner ? Verdict::kRun : Verdict::kSuspend)
          << "member " << i << " in the slot of " << owner;
    }
  }
}

TEST(FairFrozenTest, WhoeverHadTheGpuMeanwhileDoesNotPayWithASecondOff) {
  Timetable table("fair:slice=10ms");
  table.born(0);
  table.born_b(0);
  table.busy(0);
  (void)table.until(1'000);
  table.frozen_until(6'000);
  (void)table.until(6'300);
  // Three share 300 ms, a slice is 10 ms and a turn counts for two.
  for (const TargetId target : {kOffline, Timetable::kSecond}) {
    const Duration off = table.off_until(6'300, target) - table.off_until(6'000, target);
    EXPECT_LT(off, milliseconds(300 - 60)) << target.value();
  }
}

}  // namespace
}  // namespace gpreempt
