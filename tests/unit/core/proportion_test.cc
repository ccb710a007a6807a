// Goal: a share of trials says no more than they show.
// Method: closed forms of the binomial distribution.
#include "core/proportion.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gpreempt {
namespace {

TEST(Proportion, OfTrialsThatAllSucceedIsARootOfTheDoubt) {
  EXPECT_NEAR(proportion_at_least(50, 50, 0.95), std::pow(0.05, 1.0 / 50), 1e-9);
  EXPECT_NEAR(proportion_at_least(1, 1, 0.99), 0.01, 1e-9);
}

TEST(Proportion, WithThatChanceSoManySucceedAsOftenAsTheDoubtSays) {
  // 9 or 10 of 10: 10 p^9 (1 - p) + p^10.
  const double p = proportion_at_least(9, 10, 0.95);
  EXPECT_NEAR(10 * std::pow(p, 9) * (1 - p) + std::pow(p, 10), 0.05, 1e-9);
  // 1 or more of 10: 1 - (1 - p)^10.
  EXPECT_NEAR(proportion_at_least(1, 10, 0.95), 1 - std::pow(0.95, 0.1), 1e-9);
}

TEST(Proportion, WithoutASuccessNothingIsShown) {
  EXPECT_EQ(proportion_at_least(0, 10, 0.95), 0);
  EXPECT_EQ(proportion_at_least(0, 0, 0.95), 0);
}

}  // namespace
}  // namespace gpreempt
