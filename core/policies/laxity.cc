// `laxity:below=10ms`: least laxity first. The laxity of an Online tenant is the time to its oldest
// request's deadline less the mean service of what is outstanding (learnt with Offline off, else
// with Offline running, else 0). A member is off while that is less than `below`, and comes back
// when it is twice that, or Online has no work.

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

constexpr PolicyNeeds kLaxityNeeds{.activity = true, .requests = true, .deadlines = true};

/// What a member has to do for one Online tenant.
class LaxityJudge {
 public:
  LaxityJudge(const TenantView& online, Instant now, Duration below, Instant& again)
      : online_(online), now_(now), below_(below), again_(again) {
    const Instant due = online.deadline();
    has_deadline_ = due != kForever;
    const Duration each = online.alone.known() ? online.alone.mean : online.shared.mean;
    laxity_ = has_deadline_ ? due - now - online.outstanding * each : Duration::min();
  }

  void operator()(const MemberView& member, Want& want) const {
    const Duration limit = is_off(member) ? 2 * below_ : below_;
    want.reason = has_deadline_ ? Reason::kWouldMiss : Reason::kOnlineBusy;
    if (laxity_ >= limit) {
      want.verdict = Verdict::kRun;
      want.reason = Reason::kSlack;
      again_ = std::min(again_, now_ + (laxity_ - below_ + Duration{1}));
    }
    if (want.has_terms(member)) {
      add_terms(limit, want.terms);
    }
  }

 private:
  void add_terms(Duration limit, Terms& terms) const {
    terms.add(TermName::kBusyNs, now_ - online_.busy_since);
    if (has_deadline_) {
      terms.add(TermName::kSlackNs, laxity_);
      terms.add(TermName::kLimitNs, limit);
    }
  }

  const TenantView& online_;
  Instant now_;
  Duration below_;
  Instant& again_;
  bool has_deadline_ = false;
  Duration laxity_{};
};

class LaxityPolicy final : public Policy {
 public:
  explicit LaxityPolicy(Duration below) : below_(below) {}

  [[nodiscard]] std::string_view name() const override { return "laxity"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kLaxityNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    Instant again = kForever;
    yield_if(view, now, wants,
             [&](const TenantView& online) { return LaxityJudge(online, now, below_, again); });
    return again;
  }

 private:
  Duration below_;
};

Result<std::unique_ptr<Policy>> make_laxity(OptionReader& options) {
  Duration below = std::chrono::milliseconds(10);
  GPREEMPT_TRY(options.duration("below", below));
  return std::make_unique<LaxityPolicy>(below);
}

constexpr std::array<PolicyOption, 1> kLaxityOptions{
    {{.key = "below",
      .fallback = "10ms",
      .summary = "preempts when the time left beyond the work is less"}}};

}  // namespace

PolicyEntry laxity_entry() {
  return {.name = "laxity",
          .summary = "least laxity first: preempts when the time to spare runs out",
          .options = kLaxityOptions,
          .needs = kLaxityNeeds,
          .make = make_laxity,
          .place = 110};
}

}  // namespace gpreempt
