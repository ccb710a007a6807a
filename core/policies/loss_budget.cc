// `loss-budget:budget=10%,window=1s`: as `suspend` while Offline can afford it. Guarantee: in no
// interval of one window's length was a member decided off, resumes by their predicted cost
// included, for more than `budget` of it. That bounds what preempting costs Offline (overhead), not
// its loss: beside Online a member that runs is slowed, too.
//
// The time off is kept in slots of an eighth of the window. Any window lies within nine slots in a
// row, the last of which is the present one; so the sum of nine never exceeds the budget.

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
#include "core/option_reader.h"
#include "core/policies/entries.h"
#include "core/policies/yield.h"
#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {
namespace {

constexpr PolicyNeeds kLossBudgetNeeds{.activity = true, .requests = false, .deadlines = false};

struct LossBudgetOptions {
  std::int64_t budget_ppm = 100'000;
  Duration window = std::chrono::seconds(1);
};

constexpr std::int64_t kSlotsInWindow = 8;
constexpr std::int64_t kSlots = kSlotsInWindow + 1;
// Words of a member's notes: the slots, then these.
constexpr std::size_t kLastSlot = 9;
constexpr std::size_t kChargedUntil = 10;

/// A member that was given back for want of budget is not taken off before so much is free again:
/// a fourth of the budget.
constexpr std::int64_t kWorthwhile = 4;

class LossBudgetPolicy final : public Policy {
 public:
  explicit LossBudgetPolicy(const LossBudgetOptions& options)
      : budget_ppm_(options.budget_ppm),
        slot_(to_ns(options.window) / kSlotsInWindow),
        budget_(to_ns(options.window) / kMillion * options.budget_ppm +
                to_ns(options.window) % kMillion * options.budget_ppm / kMillion) {}

  [[nodiscard]] std::string_view name() const override { return "loss-budget"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kLossBudgetNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& state,
                 std::span<Want> wants) const override {
    yield_to_busy(view, now, wants);
    Instant again = kForever;
    const Slot present = slot_at(now);
    for (std::size_t i = 0; i < wants.size(); ++i) {
      const MemberView& member = view.members[i];
      Words& words = state.members[i].words;
      charge(member, now, present, words);
      if (wants[i].verdict == Verdict::kSuspend) {
        again = std::min(again, afford(member, now, present, words, wants[i]));
      }
      if (wants[i].verdict == Verdict::kRun && is_off(member)) {
        words.at(present.index) += resume_cost(member);
      }
    }
    return again;
  }

 private:
  using Words = decltype(MemberNotes::words);

  struct Slot {
    std::int64_t number = 0;
    std::size_t index = 0;  ///< of its word
    std::int64_t begin = 0;
  };

  [[nodiscard]] static std::size_t index_of(std::int64_t slot) {
    return static_cast<std::size_t>(slot % kSlots);
  }
  [[nodiscard]] Slot slot_at(Instant now) const {
    const std::int64_t number = to_ns(now) / slot_;
    return {.number = number, .index = index_of(number), .begin = number * slot_};
  }
  [[nodiscard]] static std::int64_t resume_cost(const MemberView& member) {
    return to_ns(std::max(member.resume_cost, Duration{}));
  }

  /// Brings the slots up to `now`.
  void charge(const MemberView& member, Instant now, const Slot& present, Words& words) const {
    const std::int64_t end = to_ns(now);
    std::int64_t from = std::max(words.at(kChargedUntil), to_ns(member.since));
    const std::int64_t fresh = std::max(words.at(kLastSlot) + 1, present.number - kSlots + 1);
    for (std::int64_t slot = fresh; slot <= present.number; ++slot) {
      words.at(index_of(slot)) = 0;
    }
    words.at(kLastSlot) = present.number;
    words.at(kChargedUntil) = end;
    if (!is_off(member)) {
      return;
    }
    if (from >= present.begin) {
      words.at(present.index) += end - from;
      return;
    }
    from = std::max(from, (present.number - kSlots + 1) * slot_);
    while (from < end) {
      const std::int64_t slot = from / slot_;
      const std::int64_t until = std::min(end, (slot + 1) * slot_);
      words.at(index_of(slot)) += until - from;
      from = until;
    }
  }

  /// Lets the member run if it has lost too much. Returns when that may change.
  [[nodiscard]] Instant afford(const MemberView& member, Instant now, const Slot& present,
                               const Words& words, Want& want) const {
    std::int64_t lost = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(kSlots); ++i) {
      lost += words.at(i);
    }
    const std::int64_t left = budget_ - lost - resume_cost(member);
    const bool affordable = left > (is_off(member) ? 0 : budget_ / kWorthwhile);
    if (!affordable) {
      want.verdict = Verdict::kRun;
      want.reason = Reason::kBudgetSpent;
    }
    if (want.has_terms(member)) {
      want.terms.add(TermName::kLossPpm, lost * kMillion / (slot_ * kSlotsInWindow));
      want.terms.add(TermName::kBudgetPpm, budget_ppm_);
    }
    return affordable ? now + Duration(left) : instant_from_ns(present.begin + slot_);
  }

  std::int64_t budget_ppm_;
  std::int64_t slot_;
  std::int64_t budget_;  ///< ns off in a window
};

Result<std::unique_ptr<Policy>> make_loss_budget(OptionReader& options) {
  constexpr double kDefault = 0.1;
  constexpr Duration kLeast = std::chrono::milliseconds(1);
  constexpr Duration kMost = std::chrono::hours(1);
  LossBudgetOptions loss;
  double budget = kDefault;
  GPREEMPT_TRY(options.percent("budget", budget));
  GPREEMPT_TRY(options.duration("window", loss.window));
  if (budget <= 0 || budget > 1) {
    return options.refuse("budget must be over 0 and at most 100 %; take `none` for 0");
  }
  if (loss.window < kLeast || loss.window > kMost) {
    return options.refuse("window must be 1ms to 1h");
  }
  loss.budget_ppm = to_ppm(budget);
  return std::make_unique<LossBudgetPolicy>(loss);
}

constexpr std::array<PolicyOption, 2> kLossBudgetOptions{
    {{.key = "budget", .fallback = "10%", .summary = "of any window, the most a member is off"},
     {.key = "window", .fallback = "1s", .summary = "the rolling window"}}};

}  // namespace

PolicyEntry loss_budget_entry() {
  return {.name = "loss-budget",
          .summary = "as suspend, while Offline's rolling time off is within its budget",
          .options = kLossBudgetOptions,
          .needs = kLossBudgetNeeds,
          .make = make_loss_budget,
          .place = 60};
}

}  // namespace gpreempt
