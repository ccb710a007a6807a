// `k-edf:k=1,turn=5ms`: of those that want a GPU, the k with the earliest deadlines have it. An
// Online tenant with requests stands with its oldest one's deadline. An Offline tenant with a
// promised latency stands with the instant at which its member's last verdict is that old: when it
// has waited for so long it gets the GPU, and then keeps it for a turn at least. One without a
// promise comes after everybody else. Nobody can take Online off: when it is not among the k, it
// shares.

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

constexpr PolicyNeeds kKEdfNeeds{.activity = true, .requests = true, .deadlines = true};

struct KEdfOptions {
  std::uint32_t k = 1;
  Duration turn = std::chrono::milliseconds(5);
};

/// Those that go before a member.
struct Ahead {
  std::uint32_t count = 0;
  Instant first = kForever;  ///< the earliest deadline among them
  TenantId cause{};          ///< whose that is

  void add(Instant deadline, TenantId tenant) {
    if (count == 0 || deadline < first) {
      first = deadline;
      cause = tenant;
    }
    ++count;
  }
};

class KEdfPolicy final : public Policy {
 public:
  explicit KEdfPolicy(const KEdfOptions& options) : options_(options) {}

  [[nodiscard]] std::string_view name() const override { return "k-edf"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kKEdfNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    let_all_run(view, now, wants);
    Instant again = kForever;
    for (std::size_t i = 0; i < wants.size(); ++i) {
      const MemberView& member = view.members[i];
      const Ahead ahead = before(i, view);
      if (ahead.count < options_.k) {
        if (is_off(member) && online_load(view, member).busy) {
          wants[i].reason = Reason::kOwnTurn;
          // Its next deadline counts from now, so that it may be behind when its turn is over.
          again = std::min(again, saturating_add(now, options_.turn));
        }
        continue;
      }
      const Instant turn_end = saturating_add(member.since, options_.turn);
      const bool in_turn = deadline_of(member, view) != kForever && !is_off(member) &&
                           member.ran_before > Duration{} && now < turn_end;
      if (in_turn) {
        wants[i].reason = Reason::kOwnTurn;
        again = std::min(again, turn_end);
        continue;
      }
      wants[i] = {
          .verdict = Verdict::kSuspend, .reason = Reason::kOthersTurn, .cause = ahead.cause};
      if (ahead.first != kForever) {
        wants[i].terms.add(TermName::kSlackNs, ahead.first - now);
      }
    }
    return again;
  }

 private:
  [[nodiscard]] static Instant deadline_of(const MemberView& member, const StateView& view) {
    return saturating_add(member.since, view.tenants[member.tenant_index].promise);
  }

  /// Who has an earlier deadline than member `index`, equals in the order of the view with Online
  /// first. Members without a deadline do not compete with one another.
  [[nodiscard]] static Ahead before(std::size_t index, const StateView& view) {
    const MemberView& member = view.members[index];
    const Instant own = deadline_of(member, view);
    Ahead ahead;
    for (const TenantView& tenant : view.tenants) {
      if (tenant.cls == TenantClass::kOnline && tenant.busy && tenant.deadline() <= own &&
          shares_gpu(member, tenant)) {
        ahead.add(tenant.deadline(), tenant.id);
      }
    }
    for (std::size_t i = 0; i < view.members.size(); ++i) {
      const MemberView& other = view.members[i];
      const Instant deadline = deadline_of(other, view);
      const bool is_before = deadline < own || (deadline == own && i < index);
      if (other.gpu == member.gpu && i != index && deadline != kForever && is_before) {
        ahead.add(deadline, other.tenant);
      }
    }
    return ahead;
  }

  KEdfOptions options_;
};

Result<std::unique_ptr<Policy>> make_k_edf(OptionReader& options) {
  KEdfOptions edf;
  GPREEMPT_TRY(options.count("k", edf.k));
  GPREEMPT_TRY(options.duration("turn", edf.turn));
  if (edf.k == 0) {
    return options.refuse("k must be at least 1, or nobody would run");
  }
  if (edf.turn == Duration{}) {
    return options.refuse("turn must be longer than zero, or Offline would flap");
  }
  return std::make_unique<KEdfPolicy>(edf);
}

constexpr std::array<PolicyOption, 2> kKEdfOptions{
    {{.key = "k", .fallback = "1", .summary = "so many have the GPU at a time"},
     {.key = "turn", .fallback = "5ms", .summary = "least time of an Offline tenant's turn"}}};

}  // namespace

PolicyEntry k_edf_entry() {
  return {.name = "k-edf",
          .summary = "the k earliest deadlines have the GPU",
          .options = kKEdfOptions,
          .needs = kKEdfNeeds,
          .make = make_k_edf};
}

}  // namespace gpreempt
