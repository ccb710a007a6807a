// Which occasions turn into faults. Goal: a campaign is a function of its seed, and leaving one
// kind out does not move the others.
#include "core/fault.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <set>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace gpreempt {
namespace {

constexpr Instant kNow = instant_from_ns(5);

std::vector<bool> strikes_of(Faults& faults, FaultKind kind) {
  std::vector<bool> strikes;
  for (int i = 0; i < 200; ++i) {
    strikes.push_back(faults.strike(kind, kNow));
  }
  return strikes;
}

TEST(FaultKindTest, EveryKindHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const FaultKind kind : fault_kinds()) {
    names.insert(to_string(kind));
  }
  EXPECT_EQ(names.size(), kFaultKinds);
  EXPECT_FALSE(names.contains(""));
}

TEST(FaultsTest, SameSeedStrikesTheSameOccasions) {
  FaultRates rates;
  rates[FaultKind::kBusy] = 0.3;
  Faults one(7, rates);
  Faults two(7, rates);
  Faults other(8, rates);
  const auto strikes = strikes_of(one, FaultKind::kBusy);
  EXPECT_EQ(strikes, strikes_of(two, FaultKind::kBusy));
  EXPECT_NE(strikes, strikes_of(other, FaultKind::kBusy));
}

TEST(FaultsTest, LeavingAKindOutMovesNoOther) {
  FaultRates both;
  both[FaultKind::kBusy] = 0.3;
  both[FaultKind::kFrozen] = 0.3;
  FaultRates one = both;
  one[FaultKind::kFrozen] = 0;
  Faults with(7, both);
  Faults without(7, one);
  (void)strikes_of(with, FaultKind::kFrozen);
  EXPECT_EQ(strikes_of(with, FaultKind::kBusy), strikes_of(without, FaultKind::kBusy));
}

TEST(FaultsTest, RatesOfNothingAndOfAllAreExact) {
  FaultRates rates;
  rates[FaultKind::kBusy] = 1;
  Faults faults(7, rates);
  EXPECT_EQ(strikes_of(faults, FaultKind::kBusy), std::vector<bool>(200, true));
  EXPECT_EQ(strikes_of(faults, FaultKind::kHang), std::vector<bool>(200, false));
  EXPECT_EQ(faults.struck().at(static_cast<std::size_t>(FaultKind::kBusy)), 200U);
  EXPECT_EQ(faults.struck().at(static_cast<std::size_t>(FaultKind::kHang)), 0U);
}

TEST(FaultsTest, NoneStrikesOnceTheyAreToHaveEnded) {
  FaultRates rates;
  rates[FaultKind::kBusy] = 1;
  Faults faults(7, rates);
  faults.end_at(kNow);
  EXPECT_FALSE(faults.strike(FaultKind::kBusy, kNow));
  EXPECT_TRUE(faults.strike(FaultKind::kBusy, kNow - Duration(1)));
}

}  // namespace
}  // namespace gpreempt
