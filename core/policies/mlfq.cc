// `mlfq:quantum=10ms,boost=500ms`: a multi-level feedback queue of three levels. Online begins in
// level 0 and Offline in the last. Online that has had the GPU alone for one quantum in all falls
// to level 1, and after two more to level 2, where it and Offline take turns of four quanta. At
// every multiple of `boost` on the backend's clock Online is back in level 0 (rules 1 to 5 of
// Arpaci-Dusseau, Operating Systems, chapter 8). Guarantee: Online that always has work has the GPU
// alone for three quanta after a boost, and never for more than seven at a stretch.

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

constexpr PolicyNeeds kMlfqNeeds{.activity = true, .requests = false, .deadlines = false};

struct MlfqOptions {
  Duration quantum = std::chrono::milliseconds(10);
  Duration boost = std::chrono::milliseconds(500);
};

constexpr std::int64_t kUntilLevel1 = 1;  // quanta
constexpr std::int64_t kUntilLevel2 = 3;
constexpr std::int64_t kLastTurn = 4;

// Words of a member's notes.
constexpr std::size_t kUsed = 0;        // time that Online had the GPU alone since the boost
constexpr std::size_t kUsedUntil = 1;   // counted until here
constexpr std::size_t kUsing = 2;       // whether Online had work and the member yielded after that
constexpr std::size_t kBoostIndex = 3;  // which boost was the last

class MlfqPolicy final : public Policy {
 public:
  explicit MlfqPolicy(const MlfqOptions& options) : options_(options) {}

  [[nodiscard]] std::string_view name() const override { return "mlfq"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kMlfqNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& state,
                 std::span<Want> wants) const override {
    yield_to_busy(view, now, wants);
    Instant again = kForever;
    for (std::size_t i = 0; i < wants.size(); ++i) {
      auto& words = state.members[i].words;
      count(view.members[i], now, words);
      words.at(kUsing) = wants[i].verdict == Verdict::kSuspend ? 1 : 0;
      if (wants[i].verdict == Verdict::kSuspend) {
        again = std::min(again, queue(view.members[i], now, words.at(kUsed), wants[i]));
      }
    }
    return again;
  }

 private:
  using Words = decltype(MemberNotes::words);

  void count(const MemberView& member, Instant now, Words& words) const {
    if (words.at(kUsing) != 0 && is_off(member)) {
      words.at(kUsed) += to_ns(now) - words.at(kUsedUntil);
    }
    words.at(kUsedUntil) = to_ns(now);
    const std::int64_t boost = to_ns(now) / to_ns(options_.boost);
    if (boost != words.at(kBoostIndex)) {
      words.at(kBoostIndex) = boost;
      words.at(kUsed) = 0;
    }
  }

  /// `want` says that Online has work. Returns when its level or turn may change.
  [[nodiscard]] Instant queue(const MemberView& member, Instant now, std::int64_t used,
                              Want& want) const {
    const std::int64_t quantum = to_ns(options_.quantum);
    const Instant next_boost =
        instant_from_ns((to_ns(now) / to_ns(options_.boost) + 1) * to_ns(options_.boost));
    const std::int64_t until =
        used < kUntilLevel1 * quantum ? kUntilLevel1 * quantum : kUntilLevel2 * quantum;
    const bool is_last = used >= until;
    want.terms.add(TermName::kLevelCount, is_last ? 2 : (until == quantum ? 0 : 1));
    if (!is_last) {
      return std::min(next_boost, now + Duration(until - used));
    }
    const Duration turn = kLastTurn * options_.quantum;
    const Instant end = saturating_add(member.since, turn);
    const bool over = now >= end;
    if (is_off(member) == over) {
      want.verdict = Verdict::kRun;
      want.reason = Reason::kOwnTurn;
    }
    return std::min(next_boost, over ? saturating_add(now, turn) : end);
  }

  MlfqOptions options_;
};

Result<std::unique_ptr<Policy>> make_mlfq(OptionReader& options) {
  MlfqOptions mlfq;
  constexpr Duration kMost = std::chrono::hours(1);
  GPREEMPT_TRY(options.duration("quantum", mlfq.quantum));
  GPREEMPT_TRY(options.duration("boost", mlfq.boost));
  if (mlfq.quantum == Duration{} || mlfq.quantum > kMost) {
    return options.refuse("quantum must be over zero and at most 1h");
  }
  if (mlfq.boost < kUntilLevel2 * mlfq.quantum) {
    return options.refuse("boost must be at least three quanta, or Online would never fall");
  }
  return std::make_unique<MlfqPolicy>(mlfq);
}

constexpr std::array<PolicyOption, 2> kMlfqOptions{
    {{.key = "quantum", .fallback = "10ms", .summary = "GPU time in level 0; twice in level 1"},
     {.key = "boost", .fallback = "500ms", .summary = "Online is back in level 0 so often"}}};

}  // namespace

PolicyEntry mlfq_entry() {
  return {.name = "mlfq",
          .summary = "Online first, until it has used its quanta; then turns, until a boost",
          .options = kMlfqOptions,
          .needs = kMlfqNeeds,
          .make = make_mlfq,
          .place = 140};
}

}  // namespace gpreempt
