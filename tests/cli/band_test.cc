// Goal: an interval is the nearest ranks of 5 % and 95 %, and the model's values are no extreme of
// what its priors give.
#include "cli/band.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/metrics.h"
#include "cli/policy_runs.h"
#include "cli/progress.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/worlds.h"
#include "config/document.h"
#include "core/error.h"

namespace gpreempt::cli {
namespace {

TEST(Interval, IsTheFifthAndNinetyFifthOfAHundred) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) {
    values.push_back(i);
  }
  const std::optional<BandInterval> interval = interval_of(values);
  ASSERT_TRUE(interval.has_value());
  EXPECT_EQ(interval->lo, 5);
  EXPECT_EQ(interval->hi, 95);
}

TEST(Interval, OfFewValuesIsTheirExtent) {
  const std::optional<BandInterval> interval = interval_of({3, 1, 2});
  ASSERT_TRUE(interval.has_value());
  EXPECT_EQ(interval->lo, 1);
  EXPECT_EQ(interval->hi, 3);
}

TEST(Interval, OfNothingIsNone) { EXPECT_FALSE(interval_of({}).has_value()); }

class BandTest : public ::testing::TestWithParam<std::string> {};

TEST_P(BandTest, HoldsThePointOfEveryQuantity) {
  RunOptions options;
  options.scenario = GetParam();
  const Result<RunSetup> setup = set_up(options);
  ASSERT_TRUE(setup.has_value()) << setup.error().what;
  std::vector<PolicyMetrics> point;
  const Result<void> ran =
      run_without_engine(setup->system, [&](const OpenTestbed& open) -> Result<void> {
        return store(point, run_policies(*setup, open, {}));
      });
  ASSERT_TRUE(ran.has_value()) << ran.error().what;
  Progress quiet(true);
  const Result<BandSummary> band = band_over_priors(*setup, 40, quiet);
  ASSERT_TRUE(band.has_value()) << band.error().what;
  for (std::size_t i = 0; i < band_quantities().size(); ++i) {
    const BandQuantity& quantity = band_quantities()[i];
    const std::optional<double> value = quantity.of(point.at(0));
    const std::optional<BandInterval>& interval = band->policies.at(0).intervals.at(i);
    ASSERT_EQ(value.has_value(), interval.has_value()) << quantity.title;
    if (value && interval) {
      EXPECT_GE(*value, interval->lo) << quantity.title;
      EXPECT_LE(*value, interval->hi) << quantity.title;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Scenarios, BandTest, ::testing::Values("default", "headline"),
                         [](const auto& scenario) { return scenario.param; });

}  // namespace
}  // namespace gpreempt::cli
