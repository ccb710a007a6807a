// Goal: draws cover each prior evenly, repeat with the seed, and leave alone what is no prior.
#include "backends/sim/model_draws.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "backends/sim/model_file.h"
#include "config/parameter.h"
#include "core/error.h"

namespace gpreempt::sim {
namespace {

constexpr std::uint32_t kDraws = 40;

class DrawTest : public testing::Test {
 protected:
  void SetUp() override {
    const Result<Model> loaded = find_model("mi308x", 8);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().what;
    model = *loaded;
  }
  [[nodiscard]] std::size_t index_of(const char* name) const {
    const auto found = std::ranges::find(model.parameters, name, &Parameter::name);
    EXPECT_NE(found, model.parameters.end());
    return static_cast<std::size_t>(found - model.parameters.begin());
  }
  Model model;
};

TEST_F(DrawTest, SameSeedGivesTheSameDrawsAndAnotherGivesOthers) {
  EXPECT_EQ(draw_values(model, kDraws, 7), draw_values(model, kDraws, 7));
  EXPECT_NE(draw_values(model, kDraws, 7), draw_values(model, kDraws, 8));
}

TEST_F(DrawTest, ParameterWithoutAPriorStaysAtItsValue) {
  const std::size_t xccs = index_of("gpu.xccs");
  for (const Values& values : draw_values(model, kDraws, 1)) {
    EXPECT_EQ(values[xccs], 4);
  }
}

TEST_F(DrawTest, EveryPartOfALogUniformPriorIsVisitedOnce) {
  const std::size_t bandwidth = index_of("memory.save_bandwidth");
  std::vector<double> quantiles;
  for (const Values& values : draw_values(model, kDraws, 1)) {
    // Of the range that the file gives: 1.05 to 4.2 TB/s.
    quantiles.push_back(std::log(values[bandwidth] / 1.05e12) / std::log(4.2 / 1.05));
  }
  std::ranges::sort(quantiles);
  for (std::uint32_t i = 0; i < kDraws; ++i) {
    EXPECT_GE(quantiles[i], static_cast<double>(i) / kDraws - 1e-9);
    EXPECT_LE(quantiles[i], static_cast<double>(i + 1) / kDraws + 1e-9);
  }
}

TEST_F(DrawTest, ChoicesComeUpEquallyOften) {
  const std::size_t vmids = index_of("gpu.kfd_vmids");
  std::uint32_t low = 0;
  for (const Values& values : draw_values(model, kDraws, 3)) {
    low += values[vmids] == 11 ? 1U : 0U;
  }
  EXPECT_EQ(low, kDraws / 2);
}

}  // namespace
}  // namespace gpreempt::sim
