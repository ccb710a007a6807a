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
#include "core/mutant.h"
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

/// Somebody who wants a GPU until an instant. Earlier ones go first, equals in the order of the
/// view with Online first.
struct Claim {
  Instant deadline = kForever;
  std::size_t order = SIZE_MAX;
  TenantId tenant{};

  [[nodiscard]] bool goes_before(const Claim& other) const {
    if (deadline != other.deadline) {
      return deadline < other.deadline;
    }
    return GPREEMPT_MUTANT("k-edf-ties-reversed") ? order > other.order : order < other.order;
  }
};

/// Where to look for claims: the busy Online tenants are in a part of the view, and members have
/// claims if any Offline tenant has a promise.
struct Claimants {
  std::size_t begin = SIZE_MAX;
  std::size_t end = 0;
  bool promised = false;

  [[nodiscard]] std::span<const TenantView> online(const StateView& view) const {
    return begin < end ? view.tenants.subspan(begin, end - begin) : std::span<const TenantView>{};
  }
};

/// Of the claims on a GPU the first, and the last that has it. What is not there goes after
/// everybody.
struct Leaders {
  Claim first;
  Claim last;
};

class KEdfPolicy final : public Policy {
 public:
  explicit KEdfPolicy(const KEdfOptions& options) : options_(options) {}

  [[nodiscard]] std::string_view name() const override { return "k-edf"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kKEdfNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    const Claimants claimants = look(view);
    Instant again = kForever;
    each_gpu(view, [&](GpuId gpu) {
      const bool contended =
          std::ranges::any_of(claimants.online(view), [gpu](const TenantView& tenant) {
            return is_busy_online(tenant) && includes(tenant.gpus, gpu);
          });
      const Leaders leaders = lead(view, gpu, claimants);
      Instant first_ask = kForever;
      for (std::size_t i = 0; i < wants.size(); ++i) {
        const MemberView& member = view.members[i];
        if (member.gpu != gpu) {
          continue;
        }
        const Instant deadline = claimants.promised ? deadline_of(view, member) : kForever;
        const Claim own{
            .deadline = deadline, .order = view.tenants.size() + i, .tenant = member.tenant};
        const Instant ask = leaders.last.goes_before(own)
                                ? judge(member, own, leaders.first, now, wants[i])
                                : let_run_among(member, contended, now, wants[i]);
        if (ask < first_ask) {  // not min(), whose reference would keep it in memory
          first_ask = ask;
        }
      }
      again = std::min(again, first_ask);
    });
    return again;
  }

 private:
  [[nodiscard]] static Claimants look(const StateView& view) {
    Claimants claimants;
    for (std::size_t i = 0; i < view.tenants.size(); ++i) {
      const TenantView& tenant = view.tenants[i];
      if (is_busy_online(tenant)) {
        claimants.begin = std::min(claimants.begin, i);
        claimants.end = i + 1;
      }
      if (tenant.promise != kNoPromise && tenant.cls == TenantClass::kOffline) {
        claimants.promised = true;
      }
    }
    return claimants;
  }

  [[nodiscard]] static Instant deadline_of(const StateView& view, const MemberView& member) {
    return saturating_add(member.since, view.tenants[member.tenant_index].promise);
  }

  [[nodiscard]] Leaders lead(const StateView& view, GpuId gpu, const Claimants& claimants) const {
    Leaders leaders{.first = next_claim(view, gpu, claimants, nullptr), .last = {}};
    leaders.last = leaders.first;
    for (std::uint32_t i = 1; i < options_.k && leaders.last.order != SIZE_MAX; ++i) {
      leaders.last = next_claim(view, gpu, claimants, &leaders.last);
    }
    return leaders;
  }

  /// The first claim on `gpu` after `before` (nullptr: of all). Members without a deadline have
  /// none: they do not compete with one another.
  [[nodiscard]] static Claim next_claim(const StateView& view, GpuId gpu,
                                        const Claimants& claimants, const Claim* before) {
    Claim next;
    const auto consider = [&](const Claim& claim) {
      if (claim.goes_before(next) && (before == nullptr || before->goes_before(claim))) {
        next = claim;
      }
    };
    for (std::size_t i = claimants.begin; i < claimants.end; ++i) {
      const TenantView& tenant = view.tenants[i];
      if (is_busy_online(tenant) && includes(tenant.gpus, gpu)) {
        consider({.deadline = tenant.deadline(), .order = i, .tenant = tenant.id});
      }
    }
    for (std::size_t i = 0; claimants.promised && i < view.members.size(); ++i) {
      const MemberView& member = view.members[i];
      const Instant deadline = member.gpu == gpu ? deadline_of(view, member) : kForever;
      if (deadline != kForever) {
        consider({.deadline = deadline, .order = view.tenants.size() + i, .tenant = member.tenant});
      }
    }
    return next;
  }

  /// One of the k. Returns when to ask again.
  [[nodiscard]] Instant let_run_among(const MemberView& member, bool contended, Instant now,
                                      Want& want) const {
    let_run(member, now, want);
    if (!is_off(member) || !contended) {
      return kForever;
    }
    want.reason = Reason::kOwnTurn;
    // Its next deadline counts from now, so that it may be behind when its turn is over.
    return saturating_add(now, options_.turn);
  }

  /// One that comes after the k. Returns when to ask again.
  [[nodiscard]] Instant judge(const MemberView& member, const Claim& own, const Claim& first,
                              Instant now, Want& want) const {
    if (own.deadline != kForever && !is_off(member) && member.ran_before > Duration{}) {
      const Instant turn_end = saturating_add(member.since, options_.turn);
      if (now < turn_end) {
        let_run(member, now, want);
        want.reason = Reason::kOwnTurn;
        return turn_end;
      }
    }
    want.set(Verdict::kSuspend, Reason::kOthersTurn, first.tenant);
    if (first.deadline != kForever && want.has_terms(member)) {
      want.terms.add(TermName::kSlackNs, first.deadline - now);
    }
    return kForever;
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
          .make = make_k_edf,
          .place = 100};
}

}  // namespace gpreempt
