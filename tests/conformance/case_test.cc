// Goal: the modelled driver answers every case as the drivers do that were asked. Method: each
// scenario through the ABI, under each personality.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "backends/sim/kfd_model/personality.h"
#include "conformance/run.h"
#include "conformance/scenario.h"
#include "conformance/stage.h"
#include "conformance/vocabulary.h"
#include "tests/conformance/rig.h"

namespace gpreempt::conformance {
namespace {

std::string identifier(std::string_view text) {
  std::string name;
  bool upper = true;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      upper = true;
      continue;
    }
    name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return name;
}

using Parameter = std::tuple<std::string_view, std::size_t>;

class CaseTest : public ::testing::TestWithParam<Parameter> {};

TEST_P(CaseTest, ModelAnswersAsTheDriverDoes) {
  const auto& [personality, index] = GetParam();
  const Scenario& scenario = scenarios().at(index);
  const Result<void> ran = with_actors(personality, [&](Actors& actors) {
    Stage stage(actors);
    const Result<ScenarioResult> result = run_scenario(stage, scenario, personality);
    ASSERT_TRUE(result) << result.error().what;
    for (const CaseResult& each : result->cases) {
      EXPECT_EQ(each.value, each.expected) << scenario.name << ": " << each.of->name;
    }
  });
  EXPECT_TRUE(ran) << ran.error().what;
}

std::vector<std::size_t> indices() {
  std::vector<std::size_t> all(scenarios().size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = i;
  }
  return all;
}

std::string case_name(const ::testing::TestParamInfo<Parameter>& info) {
  const auto& [personality, index] = info.param;
  return identifier(personality) + identifier(scenarios().at(index).name);
}

INSTANTIATE_TEST_SUITE_P(Drivers, CaseTest,
                         ::testing::Combine(::testing::ValuesIn(personality_words().begin(),
                                                                personality_words().end()),
                                            ::testing::ValuesIn(indices())),
                         case_name);

TEST(Cases, PersonalitiesAreThoseOfTheModel) {
  std::vector<std::string_view> modelled;
  std::ranges::transform(sim::personalities(), std::back_inserter(modelled),
                         &sim::Personality::name);
  EXPECT_TRUE(std::ranges::equal(modelled, personality_words()));
}

TEST(Cases, NamesWithinAScenarioDiffer) {
  for (const Scenario& scenario : scenarios()) {
    std::vector<std::string> names;
    std::ranges::transform(scenario.cases, std::back_inserter(names), &Case::name);
    std::ranges::sort(names);
    EXPECT_EQ(std::ranges::adjacent_find(names), names.end()) << scenario.name;
  }
}

}  // namespace
}  // namespace gpreempt::conformance
