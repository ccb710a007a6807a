#include "core/policies/slice.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "core/decision.h"
#include "core/policies/yield.h"
#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {
namespace {

class SlicePolicy final : public Policy {
 public:
  explicit SlicePolicy(SliceOptions options) : options_(options) {}

  [[nodiscard]] std::string_view name() const override { return "slice"; }
  [[nodiscard]] PolicyNeeds needs() const override {
    return {.activity = true, .requests = false, .deadlines = false};
  }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    yield_to_busy(view, wants);
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
    const bool is_off = member.current == Verdict::kSuspend;
    const Instant end = saturating_add(member.since, is_off ? options_.slice : options_.gap);
    const bool over = now >= end;
    if (is_off == over) {  // its slice is over, or its gap is not
      want.verdict = Verdict::kRun;
      want.reason = is_off ? Reason::kSliceEnded : Reason::kGap;
    }
    return over ? saturating_add(now, is_off ? options_.gap : options_.slice) : end;
  }

  SliceOptions options_;
};

}  // namespace

std::unique_ptr<Policy> make_slice_policy(SliceOptions options) {
  return std::make_unique<SlicePolicy>(options);
}

}  // namespace gpreempt
