// Goal: what the policies guarantee holds for whatever Online does.
// Method: rapidcheck draws busy periods; a scheduler is driven through them and what it decided is
// measured from its decisions alone.

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/decision.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/time.h"
#include "tests/unit/core/timetable.h"

namespace gpreempt {
namespace {

struct Busy {
  std::int64_t from = 0;  // ms
  std::int64_t until = 0;
};

/// Busy periods of 1 to 120 ms with gaps of 1 to 120 ms.
std::vector<Busy> busy_periods() {
  const auto lengths =
      *rc::gen::container<std::vector<std::int64_t>>(40, rc::gen::inRange<std::int64_t>(1, 120));
  std::vector<Busy> periods;
  std::int64_t at = 10;
  for (std::size_t i = 0; i + 1 < lengths.size(); i += 2) {
    periods.push_back({.from = at + lengths[i], .until = at + lengths[i] + lengths[i + 1]});
    at = periods.back().until;
  }
  return periods;
}

void play(Timetable& table, const std::vector<Busy>& periods) {
  table.born(0);
  for (const Busy& busy : periods) {
    table.busy(busy.from);
    table.idle(busy.until);
  }
}

RC_GTEST_PROP(LossBudgetPolicyTest, NoWindowHoldsMoreTimeOffThanTheBudget, ()) {
  const auto percent = *rc::gen::inRange<std::int64_t>(1, 100);
  Timetable table("loss-budget:budget=" + std::to_string(percent) + "%,window=200ms");
  const std::vector<Busy> periods = busy_periods();
  play(table, periods);
  const std::int64_t end = periods.back().until + 300;
  (void)table.until(end);
  for (std::int64_t from = 0; from + 200 <= end; ++from) {
    const Duration off = table.off_until(from + 200) - table.off_until(from);
    RC_ASSERT(off <= Duration(2 * percent * kMs));  // percent of 200 ms
  }
}

/// A time off up to the end of the resume, in ns.
struct TimeOff {
  std::int64_t from = 0;
  std::int64_t given_back = 0;  // when that was decided
  std::int64_t until = 0;
  std::int64_t predicted = 0;  // what resuming was known to cost then
};

/// The calls of one member, each as long as drawn for when it is issued.
class Calls {
 public:
  /// From `ms` on calls take so long.
  void take(std::int64_t ms, std::int64_t length) { lengths_[ms * kMs] = length * kMs; }

  /// A suspend waits for the resume before it, and a resume for its suspend.
  [[nodiscard]] std::vector<TimeOff> of(const std::vector<Decision>& decisions) const {
    std::vector<TimeOff> times;
    std::int64_t free_at = 0;
    std::int64_t off_since = 0;
    std::map<std::int64_t, std::int64_t> costs = {{-1, 0}};  // of resumes, by their end
    for (const Decision& each : decisions) {
      const std::int64_t at = to_ns(each.at);
      if (each.target != kOffline) {
        continue;
      }
      if (each.verdict == Verdict::kSuspend) {
        off_since = at;
        continue;
      }
      const std::int64_t suspend = std::max(off_since, free_at);
      TimeOff time{.from = off_since, .given_back = at, .until = std::max(at, free_at)};
      // A resume may end while the member is off again, and teach another cost.
      time.predicted = std::min(known(costs, off_since), known(costs, at));
      if (suspend <= at) {  // otherwise it is never asked for
        const std::int64_t resume = std::max(at, suspend + length(suspend));
        time.until = free_at = resume + length(resume);
        costs[free_at] = length(resume);
      }
      times.push_back(time);
    }
    return times;
  }

 private:
  static std::int64_t known(const std::map<std::int64_t, std::int64_t>& costs, std::int64_t at) {
    return std::prev(costs.upper_bound(at))->second;
  }
  [[nodiscard]] std::int64_t length(std::int64_t at) const {
    const auto after = lengths_.lower_bound(at);
    return after == lengths_.begin() ? 0 : std::prev(after)->second;
  }
  std::map<std::int64_t, std::int64_t> lengths_;  // in ns
};

RC_GTEST_PROP(LossBudgetPolicyTest, CallsThatTakeTimeCostNoMoreThanTheBudgetAndWhatWasNotPredicted,
              ()) {
  const auto percent = *rc::gen::inRange<std::int64_t>(1, 100);
  const auto draw = [] { return *rc::gen::inRange<std::int64_t>(1, 6); };  // 0: above
  Timetable table("loss-budget:budget=" + std::to_string(percent) + "%,window=200ms");
  const std::vector<Busy> periods = busy_periods();
  Calls calls;
  table.born(0);
  const auto take = [&](std::int64_t from) {
    const std::int64_t length = draw();
    table.requests_take(length);
    calls.take(from, length);
  };
  for (const Busy& busy : periods) {
    table.busy(busy.from);
    take(busy.from);
    table.idle(busy.until);
    take(busy.until);
  }
  const std::int64_t end = periods.back().until + 300;
  (void)table.until(end);
  const std::vector<TimeOff> times = calls.of(table.decisions());
  for (std::int64_t from = 0; from + 200 <= end; ++from) {
    const std::int64_t begin = from * kMs;
    const std::int64_t until = begin + 200 * kMs;
    std::int64_t off = 0;
    std::int64_t unpredicted = 0;
    std::int64_t seen = begin;  // times off may overlap
    for (const TimeOff& time : times) {
      off += std::max<std::int64_t>(0, std::min(time.until, until) - std::max(time.from, seen));
      seen = std::max(seen, std::min(time.until, until));
      if (time.given_back >= begin && time.given_back < until) {
        unpredicted += std::max<std::int64_t>(0, time.until - time.given_back - time.predicted);
      } else if (time.given_back < begin) {  // its cost was counted in the window before
        unpredicted += std::max<std::int64_t>(0, time.until - begin);
      }
    }
    RC_ASSERT(off <= 2 * percent * kMs + unpredicted);
  }
}

TEST(LossBudgetPolicyTest, SpendsMostOfItsBudgetUnderConstantWork) {
  Timetable table("loss-budget:budget=20%,window=200ms");
  table.born(0);
  table.busy(0);
  (void)table.until(20'000);
  // Nine slots share what eight make up: at least 8/9 of 20 %, less the quarter that waits.
  EXPECT_GT(table.off_until(20'000), Duration(20'000 * kMs / 100 * 13));
  EXPECT_LE(table.off_until(20'000), Duration(20'000 * kMs / 100 * 20));
}

RC_GTEST_PROP(TimesharePolicyTest, SharesDifferByAtMostOneTurn, ()) {
  const auto percent = *rc::gen::inRange<std::int64_t>(10, 90);
  Timetable table("timeshare:online=" + std::to_string(percent) + "%,period=20ms");
  const std::vector<Busy> periods = busy_periods();
  play(table, periods);
  (void)table.until(periods.back().until);
  std::int64_t contended = 0;
  for (const Busy& busy : periods) {
    contended += busy.until - busy.from;
  }
  const Duration fair = Duration(contended * kMs * percent / 100);
  const Duration turn = Duration(20 * kMs * percent * (100 - percent) / 10'000);
  const Duration off = table.off_until(periods.back().until);
  RC_ASSERT(off <= fair + turn + Duration(100));
  RC_ASSERT(off >= fair - turn - Duration(100));
}

RC_GTEST_PROP(FairPolicyTest, SharesConvergeToTheWeights, ()) {
  const auto online = *rc::gen::inRange<std::uint32_t>(1, 9);
  const auto a = *rc::gen::inRange<std::uint32_t>(1, 9);
  const auto b = *rc::gen::inRange<std::uint32_t>(1, 9);
  Timetable table("fair:slice=10ms", {.online_weight = online, .weight_a = a, .weight_b = b});
  constexpr std::int64_t kLength = 60'000;
  table.born(0);
  table.born_b(0);
  table.busy(0);
  (void)table.until(kLength);
  const auto ran = [&](TargetId target) {
    return Duration(kLength * kMs) - table.off_until(kLength, target);
  };
  const std::int64_t weights = online + a + b;
  // Of 6000 slices, a few.
  const Duration tolerance(kLength * kMs / 100);
  RC_ASSERT(std::chrono::abs(ran(kOffline) - Duration(kLength * kMs * a / weights)) < tolerance);
  RC_ASSERT(std::chrono::abs(ran(Timetable::kSecond) - Duration(kLength * kMs * b / weights)) <
            tolerance);
}

/// Every policy with whatever it needs, driven through requests.
void requests(Timetable& table, const std::vector<Busy>& periods) {
  table.born(0);
  table.born_b(0);
  std::uint64_t number = 0;
  for (const Busy& busy : periods) {
    table.arrive(busy.from, ++number);
    table.finish(busy.until, number);
  }
}

RC_GTEST_PROP(GuardTest, NoPolicyPreemptsAMemberThatRanForLessThanMinRun, ()) {
  const std::vector<Busy> periods = busy_periods();
  for (const std::string_view name : policy_names()) {
    Timetable table(std::string(name) + ":min-run=15ms", {.promise = Duration(30 * kMs)});
    requests(table, periods);
    (void)table.until(periods.back().until + 100);
    std::map<TargetId, Instant> given_back{{kOffline, instant_from_ns(0)},
                                           {Timetable::kSecond, instant_from_ns(0)}};
    for (const Decision& each : table.decisions()) {
      if (each.verdict == Verdict::kRun) {
        given_back[each.target] = each.at;
      } else {
        RC_ASSERT(each.at - given_back[each.target] >= Duration(15 * kMs));
      }
    }
  }
}

/// The instants at which a member was taken off.
std::vector<Instant> suspensions(const Timetable& table, TargetId target) {
  std::vector<Instant> instants;
  for (const Decision& each : table.decisions()) {
    if (each.target == target && each.verdict == Verdict::kSuspend) {
      instants.push_back(each.at);
    }
  }
  return instants;
}

RC_GTEST_PROP(GuardTest, NoPolicyPreemptsAMemberMoreOftenThanItsCreditAllows, ()) {
  struct Credit {
    std::string_view text;
    std::size_t saved;  // what one second earns, at least one
    Duration earned_in;
  };
  const std::vector<Busy> periods = busy_periods();
  for (const Credit& credit :
       {Credit{"2/s", 2, Duration(500 * kMs)}, Credit{"0.5/s", 1, Duration(2000 * kMs)}}) {
    for (const std::string_view name : policy_names()) {
      Timetable table(std::string(name) + ":credit=" + std::string(credit.text),
                      {.promise = Duration(30 * kMs)});
      requests(table, periods);
      (void)table.until(periods.back().until + 5000);
      for (const TargetId target : {kOffline, Timetable::kSecond}) {
        const std::vector<Instant> off = suspensions(table, target);
        for (std::size_t i = credit.saved; i < off.size(); ++i) {
          for (std::size_t first = 0; first + credit.saved <= i; ++first) {
            const auto beyond = static_cast<std::int64_t>(i - first + 1 - credit.saved);
            RC_ASSERT(off[i] - off[first] >= beyond * credit.earned_in);
          }
        }
      }
    }
  }
}

RC_GTEST_PROP(PolicyPropertyTest, EveryOfflineMemberRunsAgainWhenOnlineIsDone, ()) {
  const std::vector<Busy> periods = busy_periods();
  for (const std::string_view name : policy_names()) {
    Timetable table(name, {.promise = Duration(30 * kMs)});
    requests(table, periods);
    const std::int64_t end = periods.back().until;
    (void)table.until(end + 1000);
    for (const TargetId target : {kOffline, Timetable::kSecond}) {
      const Duration off = table.off_until(end + 1000, target) - table.off_until(end, target);
      RC_ASSERT(off < Duration(900 * kMs));
    }
  }
}

RC_GTEST_PROP(PolicyPropertyTest, TheSameViewAndMemoryGiveTheSameWishes, ()) {
  const auto draw = [](std::int64_t most) { return *rc::gen::inRange<std::int64_t>(0, most); };
  const Instant now = instant_from_ns(1'000 * kMs);
  std::vector<TenantView> tenants(3);
  for (std::uint32_t i = 0; i < tenants.size(); ++i) {
    TenantView& tenant = tenants[i];
    tenant.id = TenantId(i);
    tenant.cls = i == 0 ? TenantClass::kOnline : TenantClass::kOffline;
    tenant.priority = i == 0 ? 9 : i;
    tenant.busy = i == 0 && draw(2) == 1;
    tenant.busy_since = now - Duration(draw(50) * kMs);
    tenant.idle_since = now - Duration(draw(50) * kMs);
    tenant.promise = i == 2 ? kNoPromise : Duration(30 * kMs);
    if (tenant.busy) {
      tenant.outstanding = 1;
      tenant.oldest_arrival = tenant.busy_since;
      tenant.alone.learn(Duration(draw(20) * kMs));
    }
  }
  std::vector<MemberView> members(2);
  std::vector<MemberNotes> memory(2);
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    members[i].tenant = TenantId(i + 1);
    members[i].tenant_index = i + 1;
    members[i].gpu = kGpuA;
    members[i].current = draw(2) == 1 ? Verdict::kSuspend : Verdict::kRun;
    members[i].since = now - Duration(draw(50) * kMs);
  }
  for (const std::string_view name : policy_names()) {
    const auto first = make_policy(name).value();
    const auto second = make_policy(name).value();
    std::vector<MemberNotes> other_memory = memory;
    std::vector<Want> wants(2);
    std::vector<Want> other_wants(2);
    PolicyState state{.words = {}, .members = memory};
    PolicyState other_state{.words = {}, .members = other_memory};
    const StateView view{.tenants = tenants, .members = members};
    RC_ASSERT(first->decide(view, now, state, wants) ==
              second->decide(view, now, other_state, other_wants));
    for (std::size_t i = 0; i < 2; ++i) {
      RC_ASSERT(wants[i].verdict == other_wants[i].verdict);
      RC_ASSERT(wants[i].reason == other_wants[i].reason);
      RC_ASSERT(memory[i].words == other_memory[i].words);
    }
    std::ranges::fill(memory, MemberNotes{});
  }
}

}  // namespace
}  // namespace gpreempt
