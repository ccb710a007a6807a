// Goal: an interval is the nearest ranks of 5 % and 95 %.
#include "cli/band.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace gpreempt::cli {
namespace {

TEST(Interval, IsTheFifthAndNinetyFifthOfAHundred) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) {
    values.push_back(i);
  }
  const std::optional<Interval> interval = interval_of(values);
  ASSERT_TRUE(interval.has_value());
  EXPECT_EQ(interval->lo, 5);
  EXPECT_EQ(interval->hi, 95);
}

TEST(Interval, OfFewValuesIsTheirExtent) {
  const std::optional<Interval> interval = interval_of({3, 1, 2});
  ASSERT_TRUE(interval.has_value());
  EXPECT_EQ(interval->lo, 1);
  EXPECT_EQ(interval->hi, 3);
}

TEST(Interval, OfNothingIsNone) { EXPECT_FALSE(interval_of({}).has_value()); }

}  // namespace
}  // namespace gpreempt::cli
