// `slice:slice=20ms,gap=5ms`: bounded priority. A member is off while Online has work, but at most
// for `slice`; then, and whenever else it was given back, it runs for at least `gap` before it is
// taken off again. Both count from the decision; a new member's gap begins with its birth.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
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

struct SliceOptions {
  Duration slice = std::chrono::milliseconds(20);  ///< positive
  Duration gap = std::chrono::milliseconds(5);     ///< positive
};

constexpr PolicyNeeds kSliceNeeds{.activity = true, .requests = false, .deadlines = false};

class SlicePolicy final : public Policy {
 public:
  explicit SlicePolicy(SliceOptions options) : options_(options) {}

  [[nodiscard]] std::string_view name() const override { return "slice"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kSliceNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    yield_to_busy(view, now, wants);
    Instant again = kForever;
    for (std::size_t i = 0; i < wants.size(); ++i) {
      if (wants[i].verdict == Verdict::kSuspend) {
        again = std::min(again, take_turns(view.members[i], now, wants[i]));
      }
    }
    return again;
  }

 private:
  /// `want` says that Online has work. Returns when the turn it leads to is over.
  [[nodiscard]] Instant take_turns(const MemberView& member, Instant now, Want& want) const {
    const bool off = is_off(member);
    const Duration limit = off ? options_.slice : options_.gap;
    const Instant end = saturating_add(member.since, limit);
    const bool over = now >= end;
    want.terms.add(TermName::kHeldNs, now - member.since);
    want.terms.add(TermName::kLimitNs, limit);
    if (off == over) {  // its slice is over, or its gap is not
      want.verdict = Verdict::kRun;
      want.reason = off ? Reason::kSliceEnded : Reason::kGap;
    }
    return over ? saturating_add(now, off ? options_.gap : options_.slice) : end;
  }

  SliceOptions options_;
};

Result<std::unique_ptr<Policy>> make_slice(OptionReader& options) {
  SliceOptions slice;
  GPREEMPT_TRY(options.duration("slice", slice.slice));
  GPREEMPT_TRY(options.duration("gap", slice.gap));
  if (slice.slice == Duration::zero() || slice.gap == Duration::zero()) {
    return options.refuse("slice and gap must be longer than zero, or Offline would flap");
  }
  return std::make_unique<SlicePolicy>(slice);
}

constexpr std::array<PolicyOption, 2> kSliceOptions{
    {{.key = "slice", .fallback = "20ms", .summary = "off for at most so long"},
     {.key = "gap", .fallback = "5ms", .summary = "then runs for at least so long"}}};

}  // namespace

PolicyEntry slice_entry() {
  return {.name = "slice",
          .summary = "as suspend, but for a slice at most, and then Offline runs for a gap",
          .options = kSliceOptions,
          .needs = kSliceNeeds,
          .make = make_slice,
          .place = 30};
}

}  // namespace gpreempt
