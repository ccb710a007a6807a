// `timeshare:online=80%,period=100ms`: while both want the GPU, Online has it alone for `online` of
// the time and Offline runs for the rest, in turns that make up one period. Time in which Online
// has no work does not count. Guarantee: at any instant of contention, Online's time alone differs
// from its share of the contended time so far by at most online x (1 - online) x period.

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

constexpr PolicyNeeds kTimeshareNeeds{.activity = true, .requests = false, .deadlines = false};

struct TimeshareOptions {
  std::int64_t online_ppm = 800'000;  ///< over 0, under a million
  Duration period = std::chrono::milliseconds(100);
};

/// Words of a member's notes.
constexpr std::size_t kLag = 0;        // millionths of a ns that Online is ahead of its share
constexpr std::size_t kCounted = 1;    // contention is counted until here
constexpr std::size_t kContended = 2;  // whether there was contention after that

class TimesharePolicy final : public Policy {
 public:
  explicit TimesharePolicy(const TimeshareOptions& options)
      : options_(options),
        turn_(options.online_ppm * (kMillion - options.online_ppm) / kMillion *
              to_ns(options.period)) {}

  [[nodiscard]] std::string_view name() const override { return "timeshare"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kTimeshareNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& state,
                 std::span<Want> wants) const override {
    yield_to_busy(view, now, wants);
    Instant again = kForever;
    for (std::size_t i = 0; i < wants.size(); ++i) {
      auto& notes = state.members[i].words;
      count(view.members[i], now, notes);
      notes.at(kContended) = wants[i].verdict == Verdict::kSuspend ? 1 : 0;
      if (notes.at(kContended) != 0) {
        again = std::min(again, take_turns(view.members[i], now, notes.at(kLag), wants[i]));
      }
    }
    return again;
  }

 private:
  using Notes = decltype(MemberNotes::words);

  void count(const MemberView& member, Instant now, Notes& notes) const {
    const std::int64_t passed = to_ns(now) - notes.at(kCounted);
    notes.at(kCounted) = to_ns(now);
    if (notes.at(kContended) != 0) {
      notes.at(kLag) += is_off(member) ? passed * (kMillion - options_.online_ppm)
                                       : -passed * options_.online_ppm;
    }
  }

  /// Online's turn lasts until it is ahead by a turn, Offline's until it is not ahead any more.
  [[nodiscard]] Instant take_turns(const MemberView& member, Instant now, std::int64_t lead,
                                   Want& want) const {
    const bool online_goes_on = is_off(member) ? lead < turn_ : lead <= 0;
    want.terms.add(TermName::kLagNs, -lead / kMillion);
    const std::int64_t left = online_goes_on ? turn_ - lead : lead;
    const std::int64_t pace = online_goes_on ? kMillion - options_.online_ppm : options_.online_ppm;
    if (!online_goes_on) {
      want.verdict = Verdict::kRun;
      want.reason = Reason::kOwnTurn;
    }
    return now + Duration((left + pace - 1) / pace);
  }

  TimeshareOptions options_;
  std::int64_t turn_;  ///< what Online gets ahead by in its turn
};

Result<std::unique_ptr<Policy>> make_timeshare(OptionReader& options) {
  TimeshareOptions timeshare;
  double online = 0.8;
  GPREEMPT_TRY(options.percent("online", online));
  GPREEMPT_TRY(options.duration("period", timeshare.period));
  timeshare.online_ppm = to_ppm(online);
  constexpr Duration kLeast = std::chrono::microseconds(10);
  constexpr Duration kMost = std::chrono::hours(1);
  if (timeshare.online_ppm <= 0 || timeshare.online_ppm >= kMillion) {
    return options.refuse("online must be between 0 and 100 %; take `none` or `suspend` for these");
  }
  if (timeshare.period < kLeast || timeshare.period > kMost) {
    return options.refuse("period must be 10us to 1h");
  }
  return std::make_unique<TimesharePolicy>(timeshare);
}

constexpr std::array<PolicyOption, 2> kTimeshareOptions{
    {{.key = "online", .fallback = "80%", .summary = "of contended time, Online alone"},
     {.key = "period", .fallback = "100ms", .summary = "one turn of each"}}};

}  // namespace

PolicyEntry timeshare_entry() {
  return {.name = "timeshare",
          .summary = "Online and Offline take turns while both have work",
          .options = kTimeshareOptions,
          .needs = kTimeshareNeeds,
          .make = make_timeshare,
          .place = 50};
}

}  // namespace gpreempt
