// Goal: what a design can tell is told apart, and what it cannot is reported as a sum.
// Method: designs of a few rows, taken apart by hand.
#include "calibration/sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "calibration/costs.h"
#include "calibration/linear.h"

namespace gpreempt::calibration {
namespace {

Costs row(std::initializer_list<std::pair<Cost, double>> terms) {
  Costs costs{};
  for (const auto& [cost, weight] : terms) {
    at(costs, cost) = weight;
  }
  return costs;
}

std::vector<std::string> names_of(const Estimable& estimable) {
  std::vector<std::string> names;
  for (const Sum& sum : estimable.sums) {
    names.push_back(sum.name());
  }
  return names;
}

TEST(Estimable, CostsThatAlwaysComeTogetherAreOneSum) {
  const std::vector<Costs> rows = {row({{Cost::kHiq, 1}, {Cost::kFence, 1}}),
                                   row({{Cost::kHiq, 1}, {Cost::kFence, 1}, {Cost::kStop, 1}})};
  EXPECT_EQ(names_of(estimable(rows)), (std::vector<std::string>{"t_hiq + t_fence", "t_stop"}));
}

TEST(Estimable, ADifferenceOfRowsFreesACost) {
  // a + b, a + b + c and b: each is known.
  const std::vector<Costs> rows = {row({{Cost::kHiq, 1}, {Cost::kFence, 1}}),
                                   row({{Cost::kHiq, 1}, {Cost::kFence, 1}, {Cost::kMap, 1}}),
                                   row({{Cost::kFence, 1}})};
  EXPECT_EQ(names_of(estimable(rows)), (std::vector<std::string>{"t_hiq", "t_fence", "t_map"}));
}

TEST(Estimable, AChainIsReportedAsItsSumsAndNotAsADifference) {
  // a + b and b + c: no one of the three is known, though a - c is.
  const std::vector<Costs> rows = {row({{Cost::kHiq, 1}, {Cost::kFence, 1}}),
                                   row({{Cost::kFence, 1}, {Cost::kMap, 1}})};
  std::vector<std::string> names = names_of(estimable(rows));
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"t_fence + t_map", "t_hiq + t_fence"}));
}

TEST(Estimable, AFixedCostAndOneByTheQueueAreTwoIfQueuesVary) {
  const std::vector<Costs> varied = {row({{Cost::kBuild, 1}, {Cost::kBuildEntry, 3}}),
                                     row({{Cost::kBuild, 1}, {Cost::kBuildEntry, 7}})};
  EXPECT_EQ(names_of(estimable(varied)), (std::vector<std::string>{"t_build", "t_build_entry"}));
  const std::vector<Costs> alike = {varied.front(), varied.front()};
  EXPECT_EQ(names_of(estimable(alike)), (std::vector<std::string>{"t_build + 3 x t_build_entry"}));
}

TEST(Estimable, WhatNoRowHasIsNamed) {
  const std::vector<Costs> rows = {row({{Cost::kHiq, 1}})};
  const Estimable result = estimable(rows);
  EXPECT_EQ(result.unseen.size(), kCosts - 1);
  EXPECT_EQ(std::ranges::count(result.unseen, Cost::kHiq), 0);
}

TEST(Estimable, ARowIsACombinationOfTheSumsOrOfNothing) {
  const std::vector<Costs> rows = {row({{Cost::kHiq, 1}, {Cost::kFence, 1}}),
                                   row({{Cost::kSaveByte, 30}})};
  const Estimable result = estimable(rows);
  // 2 (a + b) + 15 s.
  const auto parts =
      result.combine(row({{Cost::kHiq, 2}, {Cost::kFence, 2}, {Cost::kSaveByte, 15}}));
  ASSERT_TRUE(parts.has_value());
  double fixed = 0;
  double by_byte = 0;
  for (std::size_t i = 0; i < parts->size(); ++i) {
    (at(result.sums[i].weights, Cost::kHiq) > 0 ? fixed : by_byte) += (*parts)[i];
  }
  EXPECT_NEAR(fixed, 2, 1e-9);
  EXPECT_NEAR(by_byte, 15, 1e-9);
  EXPECT_FALSE(result.combine(row({{Cost::kHiq, 1}})).has_value());
  EXPECT_FALSE(result.combine(row({{Cost::kMap, 1}})).has_value());
}

TEST(Eigen, OfATwoByTwoMatrixIsAsByHand) {
  // [[2, 1], [1, 2]]: 1 and 3.
  Eigen eigen = eigen_of({{2, 1}, {1, 2}});
  std::sort(eigen.values.begin(), eigen.values.end());
  EXPECT_NEAR(eigen.values[0], 1, 1e-12);
  EXPECT_NEAR(eigen.values[1], 3, 1e-12);
}

TEST(SolveSymmetric, SolvesWhatIsPositiveDefiniteAndRefusesTheRest) {
  // 4x + 2y = 10, 2x + 3y = 9: x = 1.5, y = 2.
  const auto solution = solve_symmetric({{4, 2}, {2, 3}}, {10, 9});
  ASSERT_TRUE(solution.has_value());
  EXPECT_NEAR((*solution)[0], 1.5, 1e-12);
  EXPECT_NEAR((*solution)[1], 2, 1e-12);
  EXPECT_FALSE(solve_symmetric({{1, 2}, {2, 1}}, {1, 1}).has_value());
}

}  // namespace
}  // namespace gpreempt::calibration
