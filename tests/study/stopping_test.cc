// Goal: when a point is repeated often enough, against an interval worked out by hand.
#include "study/stopping.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "study/study_file.h"

namespace gpreempt::study {
namespace {

// 10, 12, 14: mean 12, standard deviation 2; t of 97.5 % with 2 degrees of freedom is 4.3027, so
// half of the interval is 4.3027 * 2 / sqrt(3) = 4.9683, which is 41.40 % of the mean.
const std::vector<double> kValues = {10, 12, 14};

TEST(Stopping, AnAbsoluteWidthIsInTheMetricsUnit) {
  EXPECT_TRUE(is_narrow(kValues, {.metric = "m", .half_width = 4.97}));
  EXPECT_FALSE(is_narrow(kValues, {.metric = "m", .half_width = 4.96}));
}

TEST(Stopping, ARelativeWidthIsAShareOfTheMean) {
  EXPECT_TRUE(is_narrow(kValues, {.metric = "m", .half_width = 0.4141, .relative = true}));
  EXPECT_FALSE(is_narrow(kValues, {.metric = "m", .half_width = 0.4139, .relative = true}));
}

// t of 90 % (two-sided) with 2 degrees of freedom is 2.9200: 3.3717.
TEST(Stopping, LessConfidenceIsANarrowerInterval) {
  EXPECT_TRUE(is_narrow(kValues, {.metric = "m", .half_width = 3.38, .confidence = 0.9}));
  EXPECT_FALSE(is_narrow(kValues, {.metric = "m", .half_width = 3.36, .confidence = 0.9}));
}

TEST(Stopping, OneRunSaysNothingOfTheSpread) {
  EXPECT_FALSE(is_narrow(std::vector<double>{5}, {.metric = "m", .half_width = 1e9}));
  const double none = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(is_narrow(std::vector<double>{5, none}, {.metric = "m", .half_width = 1e9}));
}

TEST(Stopping, RunsThatDoNotDifferAreEnough) {
  EXPECT_TRUE(is_narrow(std::vector<double>{5, 5}, {.metric = "m", .half_width = 1e-9}));
}

TEST(Stopping, LooksAreAQuarterApartUpToTheCap) {
  EXPECT_EQ(next_look(3, 40), 4U);
  EXPECT_EQ(next_look(20, 40), 25U);
  EXPECT_EQ(next_look(36, 40), 40U);
}

}  // namespace
}  // namespace gpreempt::study
