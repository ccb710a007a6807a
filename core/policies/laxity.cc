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

class LaxityPolicy final : public Policy {
 public:
  explicit LaxityPolicy(Duration below) : below_(below) {}

  [[nodiscard]] std::string_view name() const override { return "laxity"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kLaxityNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    Instant again = kForever;
    yield_if(view, now, wants, [&](const TenantView& online) {
      const Instant due = online.deadline();
      const bool has_deadline = due != kForever;
      const Duration each = online.alone.known() ? online.alone.mean : online.shared.mean;
      const Duration laxity =
          has_deadline ? due - now - online.outstanding * each : Duration::min();
      return [=, this, &again, &online](const MemberView& member, Want& want) {
        const Duration limit = is_off(member) ? 2 * below_ : below_;
        want.reason = has_deadline ? Reason::kWouldMiss : Reason::kOnlineBusy;
        if (laxity >= limit) {
          want.verdict = Verdict::kRun;
          want.reason = Reason::kSlack;
          again = std::min(again, now + (laxity - below_ + Duration{1}));
        }
        if (want.has_terms(member)) {
          want.terms.add(TermName::kBusyNs, now - online.busy_since);
          if (has_deadline) {
            want.terms.add(TermName::kSlackNs, laxity);
            want.terms.add(TermName::kLimitNs, limit);
          }
        }
      };
    });
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
          .make = make_laxity};
}

}  // namespace gpreempt
