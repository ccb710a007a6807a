// `partition:online=50%,period=100ms`: fixed shares in fixed time slots of each GPU, counted on the
// backend's clock. The first slot of a period is Online's: members are off in it while Online has
// work. The rest is split among the Offline tenants on that GPU by their weights, in the order they
// came: one runs and the others are off, whether or not Online has work. Guarantee: in each period,
// an Offline tenant runs for at least its share, and Online has the GPU alone for its share if it
// has work.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
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

constexpr PolicyNeeds kPartitionNeeds{.activity = true, .requests = false, .deadlines = false};

struct PartitionOptions {
  std::int64_t online_ppm = 500'000;
  Duration period = std::chrono::milliseconds(100);
};

class PartitionPolicy final : public Policy {
 public:
  explicit PartitionPolicy(const PartitionOptions& options)
      : period_(to_ns(options.period)),
        online_slot_(period_ / kMillion * options.online_ppm +
                     period_ % kMillion * options.online_ppm / kMillion) {}

  [[nodiscard]] std::string_view name() const override { return "partition"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kPartitionNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    Instant again = kForever;
    const std::int64_t phase = to_ns(now) % period_;
    if (phase < online_slot_) {
      const Duration left(online_slot_ - phase);
      yield_in_slot(view, now, left, wants);
      again = now + left;
    } else {
      let_all_run(view, now, wants);
      each_gpu(view, [&](GpuId gpu) {
        again = std::min(again, now + Duration(share_out(view, gpu, phase, wants)));
      });
    }
    return view.members.empty() ? kForever : again;
  }

 private:
  static void yield_in_slot(const StateView& view, Instant now, Duration left,
                            std::span<Want> wants) {
    yield_if(view, now, wants, [&](const TenantView& online) {
      return [&](const MemberView& member, Want& want) {
        if (want.has_terms(member)) {
          want.terms.add(TermName::kBusyNs, now - online.busy_since);
          want.terms.add(TermName::kLimitNs, left);
        }
      };
    });
  }

  /// Sets the wants of the GPU's members in an Offline slot; returns when the slot ends.
  [[nodiscard]] std::int64_t share_out(const StateView& view, GpuId gpu, std::int64_t phase,
                                       std::span<Want> wants) const {
    std::int64_t weights = 0;
    each_tenant(view, gpu, [&](const TenantView& tenant) { weights += tenant.weight; });
    const std::int64_t whole = period_ - online_slot_;
    std::int64_t before = 0;
    std::int64_t ends = period_;
    const TenantView* owner = nullptr;
    each_tenant(view, gpu, [&](const TenantView& tenant) {
      before += tenant.weight;
      const std::int64_t end =
          online_slot_ + whole / weights * before + whole % weights * before / weights;
      if (owner == nullptr && phase < end) {
        owner = &tenant;
        ends = end;
      }
    });
    for (std::size_t i = 0; i < wants.size(); ++i) {
      const MemberView& member = view.members[i];
      if (member.gpu != gpu) {
        continue;
      }
      if (member.tenant == owner->id) {
        wants[i].reason = Reason::kOwnTurn;
      } else {
        wants[i].set(Verdict::kSuspend, Reason::kOthersTurn, owner->id);
        wants[i].terms.add(TermName::kLimitNs, Duration(ends - phase));
      }
    }
    return ends - phase;
  }

  std::int64_t period_;
  std::int64_t online_slot_;
};

Result<std::unique_ptr<Policy>> make_partition(OptionReader& options) {
  constexpr double kHalf = 0.5;
  constexpr Duration kLeast = std::chrono::microseconds(10);
  constexpr Duration kMost = std::chrono::hours(1);
  PartitionOptions partition;
  double online = kHalf;
  GPREEMPT_TRY(options.percent("online", online));
  GPREEMPT_TRY(options.duration("period", partition.period));
  partition.online_ppm = to_ppm(online);
  if (partition.online_ppm <= 0 || partition.online_ppm >= kMillion) {
    return options.refuse("online must be between 0 and 100 %; take `none` or `suspend` for these");
  }
  if (partition.period < kLeast || partition.period > kMost) {
    return options.refuse("period must be 10us to 1h");
  }
  return std::make_unique<PartitionPolicy>(partition);
}

constexpr std::array<PolicyOption, 2> kPartitionOptions{
    {{.key = "online", .fallback = "50%", .summary = "share of Online; the rest by weight"},
     {.key = "period", .fallback = "100ms", .summary = "in which everybody has its slot"}}};

}  // namespace

PolicyEntry partition_entry() {
  return {.name = "partition",
          .summary = "fixed slots: a share for Online, the rest by Offline's weights",
          .options = kPartitionOptions,
          .needs = kPartitionNeeds,
          .make = make_partition,
          .place = 120};
}

}  // namespace gpreempt
