// Goal: what `loss-budget` bounds by its own count, the time off, bounds what is measured of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

// Seen by polls 10 ms apart, the end of Online's work costs Offline several percent each time.
TEST(LossBudget, KeepsTheMeasuredOverheadUnderItsBudgetWhereSuspendGoesOverIt) {
  constexpr std::array kBudgets = {0.01, 0.02, 0.05};
  for (const int seed : {1, 2}) {
    const testing::Finished run = testing::gpreempt(fmt::format(
        "run --quiet --format json --duration 10s --seed {} --set scheduler.detection=poll:10ms "
        "--policy suspend,loss-budget:budget=1%,loss-budget:budget=2%,loss-budget:budget=5%",
        seed));
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const auto results = nlohmann::json::parse(run.out)["results"];
    ASSERT_EQ(results.size(), kBudgets.size() + 1);
    EXPECT_GT(results[0]["offline"]["overhead"].get<double>(), kBudgets.back());
    for (std::size_t i = 0; i < kBudgets.size(); ++i) {
      const auto& result = results[i + 1];
      EXPECT_LE(result["offline"]["overhead"].get<double>(), kBudgets.at(i)) << result["policy"];
      EXPECT_GT(result["preemptions"]["suspend"].get<int>(), 0) << result["policy"];
    }
  }
}

}  // namespace
}  // namespace gpreempt::cli
