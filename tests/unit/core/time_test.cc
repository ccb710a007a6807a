#include "core/time.h"

#include <gtest/gtest.h>

#include <chrono>

namespace gpreempt {
namespace {

using namespace std::chrono_literals;

TEST(TimeTest, ConvertsInstantsToNanosecondsAndBack) {
  EXPECT_EQ(to_ns(instant_from_ns(42)), 42);
  EXPECT_EQ(to_ns(Duration(2ms)), 2'000'000);
}

TEST(TimeTest, SaturatesAtForever) {
  EXPECT_EQ(saturating_add(instant_from_ns(1), 1ns), instant_from_ns(2));
  EXPECT_EQ(saturating_add(kForever, 1ns), kForever);
  EXPECT_EQ(saturating_add(kForever - 1ns, 1ns), kForever);
}

}  // namespace
}  // namespace gpreempt
