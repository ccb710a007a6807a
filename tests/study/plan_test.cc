// Goal: a design's points, against expansions by hand.
#include "study/plan.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/override.h"
#include "config/parameter.h"
#include "core/error.h"
#include "study/study_file.h"
#include "study/table.h"

namespace gpreempt::study {
namespace {

Result<Parameter> parameter_of(std::string_view name) {
  Parameter parameter;
  parameter.name = name;
  parameter.quantity = Quantity::kDuration;
  parameter.evidence = Evidence::kGuess;
  if (name == "cost.uniform") {
    parameter.distribution = Distribution::kUniform;
    parameter.range = {10'000, 20'000};
  } else if (name == "cost.log") {
    parameter.distribution = Distribution::kLogUniform;
    parameter.range = {1'000, 100'000};
  } else if (name == "cost.choice") {
    parameter.distribution = Distribution::kChoice;
    parameter.range = {1'000, 2'000};
  } else if (name != "cost.point") {
    return fail(Errc::kInvalidArgument, "no such parameter");
  }
  return parameter;
}

Result<Plan> plan_of(const std::string& design) {
  const std::string text =
      "schema = 1\nname = \"s\"\nscenario = \"default\"\nmetrics = [\"offline.loss\"]\n" + design;
  return parse_study(text, "s.toml", false).and_then([](const StudyFile& file) {
    return make_plan(file, parameter_of);
  });
}

using Levels = std::vector<std::size_t>;

std::vector<Levels> levels_of(const Plan& plan) {
  std::vector<Levels> all;
  for (const Point& point : plan.table.points) {
    all.push_back(point.levels);
  }
  return all;
}

TEST(StudyPlan, AGridHasEveryCombinationAndTheLastFactorWrittenChangesFirst) {
  const auto plan = plan_of(
      "[design]\nkind = \"grid\"\n[design.factors]\n\"b.x\" = [\"one\", \"two\"]\n\"a.y\" = [1, 2, "
      "3]\n");
  ASSERT_TRUE(plan) << plan.error().what;
  EXPECT_EQ(plan->table.factors[0].name, "b.x");
  EXPECT_EQ(levels_of(*plan),
            (std::vector<Levels>{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}}));
  const std::vector<Override> overrides = plan->overrides_of(5);
  ASSERT_EQ(overrides.size(), 2U);
  EXPECT_EQ(join_path(overrides[0].path), "b.x");
  EXPECT_EQ(overrides[0].value->label(), "two");
  EXPECT_EQ(overrides[1].value->text(), "3");
}

TEST(StudyPlan, AListHasItsPointsAndEqualValuesAreOneLevel) {
  const auto plan = plan_of(
      "[design]\nkind = \"list\"\npoints = [ { a = \"x\", b = 1 }, { a = \"y\", b = 1 }, { a = "
      "\"x\", b = 2 } ]\n");
  ASSERT_TRUE(plan) << plan.error().what;
  EXPECT_EQ(plan->table.factors[0].levels, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(levels_of(*plan), (std::vector<Levels>{{0, 0}, {1, 0}, {0, 1}}));
}

// The middles of five equal parts of 10 us .. 20 us; of two parts of 1 us .. 100 us on a
// logarithmic scale 10^0.5 and 10^1.5 us.
TEST(StudyPlan, QuantilesAreTheMiddlesOfEqualPartsOfThePrior) {
  const auto plan = plan_of(
      "[design]\nkind = \"grid\"\n[design.factors]\n\"model.cost.uniform\" = { prior = 5 "
      "}\n\"model.cost.log\" = { prior = 2 }\n");
  ASSERT_TRUE(plan) << plan.error().what;
  EXPECT_EQ(plan->table.factors[0].levels,
            (std::vector<std::string>{"11us", "13us", "15us", "17us", "19us"}));
  EXPECT_EQ(plan->table.factors[1].levels, (std::vector<std::string>{"3.162us", "31.623us"}));
  EXPECT_TRUE(plan->table.factors[0].prior);
  EXPECT_EQ(plan->table.factors[0].evidence, "guess");
}

TEST(StudyPlan, QuantilesThatAreEqualAreOneLevel) {
  const auto plan = plan_of(
      "[design]\nkind = \"grid\"\n[design.factors]\n\"model.cost.choice\" = { prior = 6 }\n");
  ASSERT_TRUE(plan) << plan.error().what;
  EXPECT_EQ(plan->table.factors[0].levels, (std::vector<std::string>{"1us", "2us"}));
}

// The two-dimensional Sobol sequence begins 1/2 1/2, 3/4 1/4, 1/4 3/4.
TEST(StudyPlan, ASobolDesignFollowsTheSequence) {
  const auto plan = plan_of(
      "[design]\nkind = \"sobol\"\npoints = 3\n[design.factors]\n\"model.cost.uniform\" = { prior "
      "= "
      "true }\n\"a.b\" = [\"p\", \"q\", \"r\", \"s\"]\n");
  ASSERT_TRUE(plan) << plan.error().what;
  EXPECT_EQ(plan->table.factors[0].levels, (std::vector<std::string>{"12.5us", "15us", "17.5us"}));
  // 1/2, 1/4 and 3/4 of four levels are the third, the second and the fourth.
  EXPECT_EQ(levels_of(*plan), (std::vector<Levels>{{1, 2}, {2, 1}, {0, 3}}));
}

TEST(StudyPlan, AParameterWithoutAPriorIsRefusedAtItsPlace) {
  const auto plan = plan_of(
      "[design]\nkind = \"grid\"\n[design.factors]\n\"model.cost.point\" = { prior = 5 }\n");
  ASSERT_FALSE(plan);
  EXPECT_TRUE(plan.error().what.starts_with("s.toml:8:"));
  EXPECT_NE(plan.error().what.find("states no range"), std::string::npos);
}

TEST(StudyPlan, ALevelThatIsThereTwiceIsRefused) {
  const auto plan =
      plan_of("[design]\nkind = \"grid\"\n[design.factors]\n\"a.b\" = [\"x\", \"x\"]\n");
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().what, "s.toml:8:15: factor 'a.b': 'x' is there twice");
}

}  // namespace
}  // namespace gpreempt::study
