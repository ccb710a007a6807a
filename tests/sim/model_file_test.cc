// Goal: the shipped model loads with every label, and a bad model is refused with its place.
#include "backends/sim/model_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "backends/sim/kfd_model/personality.h"
#include "config/parameter.h"
#include "core/error.h"

namespace gpreempt::sim {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

class ModelFileTest : public testing::Test {
 protected:
  void SetUp() override {
    const Result<Model> model = find_model("mi308x", 8);
    ASSERT_TRUE(model.has_value()) << model.error().what;
    shipped = *model;
  }
  void expect_refused(const std::string& text, const std::string& part) const {
    const Result<Model> model = parse_model(text, "m.toml", 8);
    ASSERT_FALSE(model.has_value());
    EXPECT_EQ(model.error().code, Errc::kParse);
    EXPECT_EQ(model.error().what.rfind("m.toml:", 0), 0U) << model.error().what;
    EXPECT_NE(model.error().what.find(part), std::string::npos) << model.error().what;
  }
  Model shipped;
};

TEST_F(ModelFileTest, ShippedModelHasTheReportedGeometry) {
  EXPECT_EQ(shipped.point.xccs, 4U);
  EXPECT_EQ(shipped.point.cus(), 80U);
  EXPECT_EQ(shipped.point.hqd_slots, 24U);
  EXPECT_EQ(shipped.point.cwsr_area_bytes, 0xBA6000U);
}

TEST_F(ModelFileTest, NoParameterIsCalledMeasured) {
  EXPECT_FALSE(shipped.parameters.empty());
  for (const Parameter& parameter : shipped.parameters) {
    EXPECT_NE(parameter.evidence, Evidence::kMeasured) << parameter.name;
    EXPECT_FALSE(parameter.source.empty()) << parameter.name;
  }
  EXPECT_EQ(shipped.weakest_cost_evidence(), Evidence::kGuess);
}

TEST_F(ModelFileTest, EveryGuessedCostIsAPriorWithARange) {
  for (const Parameter& parameter : shipped.parameters) {
    if (parameter.evidence == Evidence::kGuess) {
      EXPECT_EQ(parameter.range.size(), 2U) << parameter.name;
    }
  }
}

TEST_F(ModelFileTest, BareNumberIsRefused) {
  expect_refused(replaced(shipped.text, "{ value = 4,", "4 #"), "xccs");
}

TEST_F(ModelFileTest, UnknownKeyIsRefusedWithTheNearestName) {
  expect_refused(replaced(shipped.text, "t_hiq ", "t_hqi "), "t_hiq");
}

TEST_F(ModelFileTest, ProbabilityAboveOneIsRefused) {
  expect_refused(
      replaced(shipped.text, "value = 0.8, range = [0.0, 1.0]", "value = 1.5, range = [0.0, 2.0]"),
      "area_moves");
}

TEST_F(ModelFileTest, KernelQueuesThatTakeEverySlotAreRefused) {
  const Result<Model> model = parse_model(shipped.text, "m.toml", 32);
  ASSERT_FALSE(model.has_value());
  EXPECT_NE(model.error().what.find("num_kcq = 32"), std::string::npos) << model.error().what;
}

TEST(FindModelTest, UnknownNameIsRefusedWithTheNearestOne) {
  const Result<Model> model = find_model("mi308", 8);
  ASSERT_FALSE(model.has_value());
  EXPECT_NE(model.error().what.find("mi308x"), std::string::npos) << model.error().what;
}

TEST(PersonalityTest, UnknownNameIsRefusedWithTheNearestOne) {
  const Result<Personality> personality = find_personality("dkms-6.12.21");
  ASSERT_FALSE(personality.has_value());
  EXPECT_NE(personality.error().what.find("dkms-6.12.12"), std::string::npos);
}

}  // namespace
}  // namespace gpreempt::sim
