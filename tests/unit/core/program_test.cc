#include "core/program.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/time.h"

namespace gpreempt {
namespace {

using std::chrono::milliseconds;

TEST(SizedTime, IsLinearBetweenItsPointsAndBeyondThem) {
  const SizedTime table{.points = {{.size = 10, .time = milliseconds(5)},
                                   {.size = 20, .time = milliseconds(6)},
                                   {.size = 40, .time = milliseconds(10)}}};
  EXPECT_EQ(time_at(table, 0), milliseconds(5));
  EXPECT_EQ(time_at(table, 10), milliseconds(5));
  EXPECT_EQ(time_at(table, 15), std::chrono::microseconds(5500));
  EXPECT_EQ(time_at(table, 20), milliseconds(6));
  EXPECT_EQ(time_at(table, 30), milliseconds(8));
  EXPECT_EQ(time_at(table, 40), milliseconds(10));
  EXPECT_EQ(time_at(table, 100), milliseconds(22));
}

TEST(SizedTime, OfOnePointIsConstant) {
  const SizedTime table{.points = {{.size = 8, .time = milliseconds(3)}}};
  EXPECT_EQ(time_at(table, 1), milliseconds(3));
  EXPECT_EQ(time_at(table, 1'000'000), milliseconds(3));
}

TEST(SizedTime, IsNeverShorterThanANanosecond) {
  const SizedTime falling{
      .points = {{.size = 1, .time = milliseconds(2)}, {.size = 2, .time = milliseconds(1)}}};
  EXPECT_EQ(time_at(falling, 10), Duration(1));
}

}  // namespace
}  // namespace gpreempt
