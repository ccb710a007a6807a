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

class DeadlinePolicy final : public Policy {
 public:
  explicit DeadlinePolicy(Duration margin) : margin_(margin) {}

  [[nodiscard]] std::string_view name() const override { return "deadline"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kDeadlineNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    Instant again = kForever;
    yield_if(view, now, wants, [&](const MemberView& member, const TenantView& online) {
      Want want = online_is_busy(online, now);
      want.terms.add(TermName::kRequestsCount, online.outstanding);
      const Instant due = online.deadline();
      if (due == kForever || !online.alone.known()) {
        return want;
      }
      // The later ones are taken to be as old as the oldest: their deadlines are no earlier.
      const Duration service = online.alone.high() + (online.outstanding - 1) * online.alone.mean;
      const Duration lead = service + std::max(member.suspend_cost, Duration{}) + margin_;
      const Duration slack = due - now - lead;
      want.reason = Reason::kWouldMiss;
      want.terms.add(TermName::kSlackNs, slack);
      want.terms.add(TermName::kServiceNs, service);
      if (slack > (is_off(member) ? member.cycle_cost() : Duration{})) {
        want.verdict = Verdict::kRun;
        want.reason = Reason::kSlack;
        again = std::min(again, now + slack);
      }
      return want;
    });
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
          .make = make_deadline};
}

}  // namespace gpreempt
