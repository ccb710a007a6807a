// `coalesce:count=4,window=10ms`: gathers requests and preempts once for them. A member is taken
// off when `count` requests are outstanding or the oldest has waited for `window`, and stays off
// until all are done.

#include <algorithm>
#include <array>
#include <chrono>
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

constexpr PolicyNeeds kCoalesceNeeds{.activity = true, .requests = true, .deadlines = false};

struct CoalesceOptions {
  std::uint32_t count = 4;  ///< positive
  Duration window = std::chrono::milliseconds(10);
};

class CoalescePolicy final : public Policy {
 public:
  explicit CoalescePolicy(const CoalesceOptions& options) : options_(options) {}

  [[nodiscard]] std::string_view name() const override { return "coalesce"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kCoalesceNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    Instant again = kForever;
    yield_if(view, now, wants, [&](const TenantView& online) {
      const Instant since = online.outstanding > 0 ? online.oldest_arrival : online.busy_since;
      const Instant end = saturating_add(since, options_.window);
      const bool gathers = online.outstanding < options_.count && now < end;
      return [=, this, &again, &online](const MemberView& member, Want& want) {
        if (gathers && !is_off(member)) {
          want.verdict = Verdict::kRun;
          want.reason = Reason::kWaiting;
          again = std::min(again, end);
        }
        if (want.has_terms(member)) {
          want.terms.add(TermName::kBusyNs, now - online.busy_since);
          want.terms.add(TermName::kRequestsCount, online.outstanding);
          want.terms.add(TermName::kLimitNs, options_.window);
        }
      };
    });
    return again;
  }

 private:
  CoalesceOptions options_;
};

Result<std::unique_ptr<Policy>> make_coalesce(OptionReader& options) {
  CoalesceOptions coalesce;
  GPREEMPT_TRY(options.count("count", coalesce.count));
  GPREEMPT_TRY(options.duration("window", coalesce.window));
  if (coalesce.count == 0) {
    return options.refuse("count must be at least 1");
  }
  return std::make_unique<CoalescePolicy>(coalesce);
}

constexpr std::array<PolicyOption, 2> kCoalesceOptions{
    {{.key = "count", .fallback = "4", .summary = "preempts when so many requests are outstanding"},
     {.key = "window", .fallback = "10ms", .summary = "or the oldest has waited for so long"}}};

}  // namespace

PolicyEntry coalesce_entry() {
  return {.name = "coalesce",
          .summary = "gathers requests and preempts once for them",
          .options = kCoalesceOptions,
          .needs = kCoalesceNeeds,
          .make = make_coalesce,
          .place = 90};
}

}  // namespace gpreempt
