// The terms against thrashing that every policy takes. They can only let a member run that the
// policy would suspend, so nothing stays off because of them.
// min-run: a member runs at least so long after it was given the GPU, or was born.
// hold-off: the wish to suspend must have stood for so long.
// credit: a member is preempted at most at this rate, with one second's worth saved at most
// (generic cell rate algorithm, ITU-T I.371).

#include "core/policy_guard.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "core/decision.h"
#include "core/error.h"
#include "core/option_reader.h"
#include "core/policies/yield.h"
#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {
namespace {

struct GuardOptions {
  Duration min_run{};
  Duration hold_off{};
  double credit = 0;  ///< preemptions a second; 0: without limit
};

constexpr std::size_t kWishSince = 0;   // 1 + when the wish to suspend began; 0: there is none
constexpr std::size_t kCreditDate = 1;  // when all credit is back

class GuardedPolicy final : public Policy {
 public:
  GuardedPolicy(std::unique_ptr<Policy> policy, const GuardOptions& options)
      : policy_(std::move(policy)), options_(options) {
    if (options.credit > 0) {
      earn_ = Duration(std::llround(kNsPerSecond / options.credit));
      save_ = earn_ * static_cast<std::int64_t>(std::max(1.0, std::floor(options.credit)) - 1);
    }
  }

  [[nodiscard]] std::string_view name() const override { return policy_->name(); }
  [[nodiscard]] PolicyNeeds needs() const override { return policy_->needs(); }

  Instant decide(const StateView& view, Instant now, PolicyState& state,
                 std::span<Want> wants) const override {
    Instant again = policy_->decide(view, now, state, wants);
    for (std::size_t i = 0; i < wants.size(); ++i) {
      again = std::min(again, judge(view.members[i], now, state.members[i], wants[i]));
    }
    return again;
  }

 private:
  /// Returns when to ask again about a member that is let run.
  [[nodiscard]] Instant judge(const MemberView& member, Instant now, MemberNotes& notes,
                              Want& want) const {
    std::int64_t& wish = notes.guard.at(kWishSince);
    if (want.verdict == Verdict::kRun || is_off(member)) {
      wish = 0;
      return kForever;
    }
    wish = wish == 0 ? to_ns(now) + 1 : wish;
    const Instant ran_enough = saturating_add(member.since, options_.min_run);
    const Instant stood_enough = saturating_add(instant_from_ns(wish - 1), options_.hold_off);
    const Instant all_back = instant_from_ns(notes.guard.at(kCreditDate));
    const Instant has_credit = all_back - std::min(save_, all_back.time_since_epoch());
    const Instant allowed = std::max({ran_enough, stood_enough, has_credit});
    if (now < allowed) {
      want.verdict = Verdict::kRun;
      want.reason = now < ran_enough     ? Reason::kMinRun
                    : now < stood_enough ? Reason::kHoldOff
                                         : Reason::kNoCredit;
      return allowed;
    }
    wish = 0;
    notes.guard.at(kCreditDate) = to_ns(std::max(all_back, now) + earn_);
    return kForever;
  }

  std::unique_ptr<Policy> policy_;
  GuardOptions options_;
  Duration earn_{};  ///< time that one preemption's credit takes
  Duration save_{};  ///< how far ahead of it a member may be
};

constexpr std::array<PolicyOption, 3> kGuardOptions{
    {{.key = "min-run", .fallback = "", .summary = "Offline runs at least so long once it runs"},
     {.key = "hold-off",
      .fallback = "",
      .summary = "the wish to suspend must have stood for so long"},
     {.key = "credit",
      .fallback = "",
      .summary = "most preemptions of a member, as 10/s; it saves one second's worth"}}};

}  // namespace

std::span<const PolicyOption> guard_options() { return kGuardOptions; }

Result<std::unique_ptr<Policy>> guarded(OptionReader& options, std::unique_ptr<Policy> policy) {
  constexpr double kLeastCredit = 0.001;
  GuardOptions guard;
  GPREEMPT_TRY(options.duration("min-run", guard.min_run));
  GPREEMPT_TRY(options.duration("hold-off", guard.hold_off));
  double credit = -1;
  GPREEMPT_TRY(options.rate("credit", credit));
  if (credit >= 0 && (credit < kLeastCredit || credit > kNsPerUs)) {
    return options.refuse("credit must be between 0.001/s and 1000/s");
  }
  guard.credit = std::max(credit, 0.0);
  if (guard.min_run == Duration{} && guard.hold_off == Duration{} && guard.credit <= 0) {
    return policy;
  }
  return std::make_unique<GuardedPolicy>(std::move(policy), guard);
}

}  // namespace gpreempt
