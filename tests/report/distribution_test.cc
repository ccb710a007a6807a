// Goal: what the charts show is the sample, thinned without losing its ends or its tail.
#include "cli/report/distribution.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

namespace gpreempt::report {
namespace {

TEST(Ecdf, EqualSamplesAreOneStep) {
  const std::vector<EcdfPoint> steps = ecdf_of({3, 5, 5, 9}, 10);
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(steps[1].value, 5);
  EXPECT_EQ(steps[1].count, 3U);  // 3, 5 and 5
  EXPECT_EQ(steps[2].count, 4U);
}

TEST(Ecdf, ThinningKeepsBothEndsAndTheTail) {
  std::vector<std::int64_t> sorted(10000);
  std::iota(sorted.begin(), sorted.end(), 1);
  const std::vector<EcdfPoint> steps = ecdf_of(sorted, 400);
  EXPECT_EQ(steps.size(), 400U);
  EXPECT_EQ(steps.front().value, 1);
  EXPECT_EQ(steps.back().value, 10000);
  EXPECT_EQ(steps[steps.size() - 100].value, 9901);  // the last 1 %, each
  for (const EcdfPoint& step : steps) {
    EXPECT_EQ(step.count, static_cast<std::uint64_t>(step.value));
  }
}

TEST(Ecdf, NoSampleHasNoStep) { EXPECT_TRUE(ecdf_of({}, 2).empty()); }

TEST(HistogramOf, TakesTheFinestRoundWidthThatFits) {
  // 99 / 10 = 9.9: ten bins of 10 fit, and of 5 there would be twenty.
  const Histogram histogram = histogram_of({0, 9, 10, 99}, 10);
  EXPECT_EQ(histogram.width, 10);
  EXPECT_EQ(histogram.counts, (std::vector<std::uint64_t>{2, 1, 0, 0, 0, 0, 0, 0, 0, 1}));
}

TEST(HistogramOf, NoSampleHasNoBin) { EXPECT_TRUE(histogram_of({}, 5).counts.empty()); }

}  // namespace
}  // namespace gpreempt::report
