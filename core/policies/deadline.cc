// `deadline:margin=1ms`: preempts as late as the promise allows. A member keeps running until the
// last instant at which a suspend still lets the outstanding requests meet their deadline, by what
// was learnt of their service and of suspends; it comes back when the slack of what is left exceeds
// a suspend and a resume. Before anything is learnt it is `suspend`, and so it is towards an Online
// tenant without a promised latency.

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <string_view>

#include "core/decision.h"
#include "core/error.h"
#include "core/option_reader.h"
#include "core/policies/entries.h"
#include "core/policies/yield.h"
#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {
namespace {

constexpr PolicyNeeds kDeadlineNeeds{.activity = true, .requests = true, .deadlines = true};

/// What a member has to do for one Online tenant.
class DeadlineJudge {
 public:
  DeadlineJudge(const TenantView& online, Instant now, Duration margin, Instant& again)
      : online_(online), now_(now), again_(again) {
    const Instant due = online.deadline();
    can_wait_ = due != kForever && online.alone.known();
    if (can_wait_) {
      // The later ones are taken to be as old as the oldest: their deadlines are no earlier.
      service_ = online.alone.high() + (online.outstanding - 1) * online.alone.mean;
      left_ = due - now - service_ - margin;
    }
  }

  void operator()(const MemberView& member, Want& want) const {
    const Duration slack = left_ - std::max(member.suspend_cost, Duration{});
    if (can_wait_) {
      const bool fits = slack > (is_off(member) ? member.cycle_cost() : Duration{});
      want.verdict = fits ? Verdict::kRun : Verdict::kSuspend;
      want.reason = fits ? Reason::kSlack : Reason::kWouldMiss;
      again_ = fits ? std::min(again_, now_ + slack) : again_;
    }
    if (want.has_terms(member)) {
      add_terms(slack, want.terms);
    }
  }

 private:
  void add_terms(Duration slack, Terms& terms) const {
    terms.add(TermName::kBusyNs, now_ - online_.busy_since);
    terms.add(TermName::kRequestsCount, online_.outstanding);
    if (can_wait_) {
      terms.add(TermName::kSlackNs, slack);
      terms.add(TermName::kServiceNs, service_);
    }
  }

  const TenantView& online_;
  Instant now_;
  Instant& again_;
  bool can_wait_ = false;
  Duration service_{};
  Duration left_{};
};

class DeadlinePolicy final : public Policy {
 public:
  explicit DeadlinePolicy(Duration margin) : margin_(margin) {}

  [[nodiscard]] std::string_view name() const override { return "deadline"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kDeadlineNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    Instant again = kForever;
    yield_if(view, now, wants,
             [&](const TenantView& online) { return DeadlineJudge(online, now, margin_, again); });
    return again;
  }

 private:
  Duration margin_;
};

Result<std::unique_ptr<Policy>> make_deadline(OptionReader& options) {
  Duration margin = std::chrono::milliseconds(1);
  GPREEMPT_TRY(options.duration("margin", margin));
  return std::make_unique<DeadlinePolicy>(margin);
}

constexpr std::array<PolicyOption, 1> kDeadlineOptions{
    {{.key = "margin", .fallback = "1ms", .summary = "is early by so much"}}};

}  // namespace

PolicyEntry deadline_entry() {
  return {.name = "deadline",
          .summary = "preempts only if a request would miss its deadline otherwise",
          .options = kDeadlineOptions,
          .needs = kDeadlineNeeds,
          .make = make_deadline,
          .place = 70};
}

}  // namespace gpreempt
