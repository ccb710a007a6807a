// `break-even:factor=100%`: the ski rental rule on both sides. Online waits beside Offline until
// that has cost it `factor` times what a suspend and a resume cost this member last time, then the
// member is taken off; after the work it stays off for as long. Whatever comes, neither side pays
// more than 1 + max(factor, 1/factor) times what it would have paid with foresight (Karlin et al.,
// 1988). Before the costs are known it is `suspend`.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
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

constexpr PolicyNeeds kBreakEvenNeeds{.activity = true, .requests = false, .deadlines = false};

class BreakEvenPolicy final : public Policy {
 public:
  explicit BreakEvenPolicy(std::int64_t percent) : percent_(percent) {}

  [[nodiscard]] std::string_view name() const override { return "break-even"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kBreakEvenNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    Instant again = kForever;
    yield_if(view, now, wants, [&](const TenantView& online) {
      return [this, now, &again, &online](const MemberView& member, Want& want) {
        const Instant end =
            is_off(member) ? Instant::min() : saturating_add(online.busy_since, patience(member));
        if (now < end) {
          want.verdict = Verdict::kRun;
          want.reason = Reason::kWaiting;
          again = std::min(again, end);
        }
        if (want.has_terms(member)) {
          want.terms.add(TermName::kBusyNs, now - online.busy_since);
          want.terms.add(TermName::kCostNs, member.cycle_cost());
        }
      };
    });
    return std::min(again, keep_off_after_work(view, now, wants, [this](const MemberView& member) {
                      return patience(member);
                    }));
  }

 private:
  [[nodiscard]] Duration patience(const MemberView& member) const {
    constexpr std::int64_t kWhole = 100;
    return member.knows_cost() ? member.cycle_cost() * percent_ / kWhole : Duration{};
  }

  std::int64_t percent_;
};

Result<std::unique_ptr<Policy>> make_break_even(OptionReader& options) {
  double factor = 1;
  constexpr double kMost = 100;
  constexpr double kWhole = 100;
  GPREEMPT_TRY(options.percent("factor", factor));
  if (factor <= 0 || factor > kMost) {
    return options.refuse("factor must be over 0 % and at most 10000 %");
  }
  return std::make_unique<BreakEvenPolicy>(std::llround(factor * kWhole));
}

constexpr std::array<PolicyOption, 1> kBreakEvenOptions{
    {{.key = "factor",
      .fallback = "100%",
      .summary = "of the cost of a suspend and a resume that is waited for"}}};

}  // namespace

PolicyEntry break_even_entry() {
  return {.name = "break-even",
          .summary = "preempts once waiting has cost as much as a suspend and a resume",
          .options = kBreakEvenOptions,
          .needs = kBreakEvenNeeds,
          .make = make_break_even,
          .place = 80};
}

}  // namespace gpreempt
