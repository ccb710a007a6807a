#include "config/parameter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"

namespace gpreempt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<Parameter> read(std::string_view value, Quantity quantity) {
  const auto document =
      TomlDocument::parse("[cost]\nt_hiq = " + std::string(value) + "\n", "model.toml");
  if (!document) {
    return tl::unexpected<Error>(document.error());
  }
  const TomlTable cost = document->root().table("cost").value();
  Result<Parameter> parameter = cost.parameter("t_hiq", quantity);
  if (parameter) {
    GPREEMPT_TRY(document->root().finish());
  }
  return parameter;
}

TEST(Parameter, IsReadWithItsPrior) {
  const auto parameter = read(
      R"({ value = "20us", range = ["3us", "100us"], distribution = "log-uniform", evidence = "guess", source = "none public" })",
      Quantity::kDuration);
  ASSERT_TRUE(parameter) << parameter.error().what;
  EXPECT_EQ(parameter->name, "cost.t_hiq");
  EXPECT_EQ(parameter->duration(), std::chrono::microseconds(20));
  EXPECT_THAT(parameter->range, ElementsAre(3'000, 100'000));
  EXPECT_EQ(parameter->distribution, Distribution::kLogUniform);
  EXPECT_EQ(parameter->evidence, Evidence::kGuess);
  EXPECT_EQ(parameter->source, "none public");
}

TEST(Parameter, IsReadInEveryQuantity) {
  const auto value = [](std::string_view text, Quantity quantity) {
    const auto parameter = read(
        "{ value = " + std::string(text) + R"(, evidence = "vendor", source = "x" })", quantity);
    return parameter ? parameter->value : -1;
  };
  EXPECT_EQ(value("\"512KiB\"", Quantity::kBytes), 524'288);
  EXPECT_EQ(value("0xBA6000", Quantity::kBytes), 12'214'272);
  EXPECT_EQ(value("\"1.8TB/s\"", Quantity::kBandwidth), 1.8e12);
  EXPECT_EQ(value("\"2.1GHz\"", Quantity::kFrequency), 2.1e9);
  EXPECT_EQ(value("\"344TF/s\"", Quantity::kFlops), 344e12);
  EXPECT_EQ(value("32", Quantity::kCount), 32);
  EXPECT_EQ(value("0.8", Quantity::kNumber), 0.8);
  EXPECT_EQ(value("32.5", Quantity::kCount), -1);
  EXPECT_EQ(value("\"2us\"", Quantity::kBytes), -1);
}

TEST(Parameter, RefusesABareNumber) {
  const auto parameter = read("\"20us\"", Quantity::kDuration);
  ASSERT_FALSE(parameter);
  EXPECT_EQ(parameter.error().code, Errc::kParse);
  EXPECT_EQ(parameter.error().what,
            "model.toml:2:9: key 'cost.t_hiq': in a model no number is bare: write { value = ..., "
            "evidence = ..., source = ... }");
}

TEST(Parameter, RefusesWhatMakesNoSense) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({ evidence = "guess", source = "x" })", "'cost.t_hiq.value': missing"},
      {R"({ value = "1us", source = "x" })", "'cost.t_hiq.evidence': missing"},
      {R"({ value = "1us", evidence = "guess" })", "'cost.t_hiq.source': missing"},
      {R"({ value = "1us", evidence = "guess", source = "" })", "say where"},
      {R"({ value = "1us", evidence = "gess", source = "x" })", "did you mean 'guess'?"},
      {R"({ value = "1us", evidence = "guess", source = "x", unit = "us" })", "unknown"},
      {R"({ value = "1us", range = ["1us", "2us"], evidence = "guess", source = "x" })",
       "needs a distribution"},
      {R"({ value = "1us", distribution = "uniform", evidence = "guess", source = "x" })",
       "needs two values"},
      {R"({ value = "1us", range = ["2us", "1us"], distribution = "uniform", evidence = "guess", source = "x" })",
       "smaller one first"},
      {R"({ value = "3us", range = ["1us", "2us"], distribution = "uniform", evidence = "guess", source = "x" })",
       "outside its range"},
      {R"({ value = "1us", range = ["0us", "2us"], distribution = "log-uniform", evidence = "guess", source = "x" })",
       "above 0"},
      {R"({ value = "3us", range = ["1us", "2us"], distribution = "choice", evidence = "guess", source = "x" })",
       "not one of the choices"},
      {R"({ value = "3us", distribution = "choice", evidence = "guess", source = "x" })",
       "lists its values"},
      {R"({ value = "3us", range = [1], distribution = "choice", evidence = "guess", source = "x" })",
       "element 0"},
      {R"({ value = "3us", range = 1, distribution = "choice", evidence = "guess", source = "x" })",
       "array"},
  };
  for (const auto& [text, reason] : cases) {
    const auto parameter = read(text, Quantity::kDuration);
    ASSERT_FALSE(parameter) << text;
    EXPECT_EQ(parameter.error().code, Errc::kParse);
    EXPECT_THAT(parameter.error().what, HasSubstr(reason));
  }
}

TEST(Parameter, QuantilesFollowTheDistribution) {
  Parameter parameter{.name = "p",
                      .quantity = Quantity::kNumber,
                      .value = 2,
                      .range = {1, 100},
                      .distribution = Distribution::kUniform,
                      .evidence = Evidence::kGuess,
                      .source = "x"};
  EXPECT_EQ(parameter.at_quantile(0), 1);
  EXPECT_EQ(parameter.at_quantile(0.5), 50.5);
  EXPECT_EQ(parameter.at_quantile(1), 100);
  parameter.distribution = Distribution::kLogUniform;
  EXPECT_NEAR(parameter.at_quantile(0.5), 10, 1e-12);
  parameter.distribution = Distribution::kChoice;
  EXPECT_EQ(parameter.at_quantile(0.49), 1);
  EXPECT_EQ(parameter.at_quantile(0.5), 100);
  EXPECT_EQ(parameter.at_quantile(1), 100);
  parameter.distribution = Distribution::kPoint;
  EXPECT_EQ(parameter.at_quantile(0.9), 2);
}

TEST(Parameter, FixedAtDropsThePriorAndRoundsWholeQuantities) {
  const Parameter parameter{.name = "p",
                            .quantity = Quantity::kCount,
                            .value = 2,
                            .range = {1, 3},
                            .distribution = Distribution::kUniform,
                            .evidence = Evidence::kGuess,
                            .source = "x"};
  const Parameter fixed = parameter.fixed_at(2.6);
  EXPECT_EQ(fixed.count(), 3U);
  EXPECT_TRUE(fixed.range.empty());
  EXPECT_EQ(fixed.distribution, Distribution::kPoint);
}

TEST(Parameter, NamesOfItsEnumsAreThoseOfTheFiles) {
  EXPECT_EQ(to_string(Evidence::kMeasured), "measured");
  EXPECT_EQ(to_string(Evidence::kVm), "vm");
  EXPECT_EQ(to_string(Distribution::kLogUniform), "log-uniform");
  EXPECT_EQ(to_string(Quantity::kDuration), "duration");
}

}  // namespace
}  // namespace gpreempt
