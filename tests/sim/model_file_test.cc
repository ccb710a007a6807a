// Goal: the shipped model loads with every label, and a bad model is refused with its place.
#include "backends/sim/model_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/sim/embedded_models.h"
#include "backends/sim/gpu/parameters.h"
#include "backends/sim/kfd_model/personality.h"
#include "config/parameter.h"
#include "core/error.h"
#include "core/time.h"

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

class EveryModelTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const Result<Model> loaded = find_model(GetParam(), 8);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().what;
    model = *loaded;
  }
  Model model;
};

std::vector<std::string> embedded_names() {
  std::vector<std::string> names;
  for (const EmbeddedModel& each : embedded_models()) {
    names.emplace_back(each.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Shipped, EveryModelTest, testing::ValuesIn(embedded_names()),
                         [](const auto& name) {
                           std::string text = name.param;
                           std::erase(text, '-');
                           return text;
                         });

TEST_P(EveryModelTest, FileIsNamedAsItsModel) { EXPECT_EQ(model.name, GetParam()); }

TEST_P(EveryModelTest, NoParameterIsCalledMeasured) {
  EXPECT_FALSE(model.parameters.empty());
  for (const Parameter& parameter : model.parameters) {
    EXPECT_NE(parameter.evidence, Evidence::kMeasured) << parameter.name;
    EXPECT_FALSE(parameter.source.empty()) << parameter.name;
  }
  EXPECT_EQ(model.weakest_cost_evidence(), Evidence::kGuess);
}

TEST_P(EveryModelTest, EveryGuessIsAPriorWithARange) {
  for (const Parameter& parameter : model.parameters) {
    if (parameter.evidence == Evidence::kGuess) {
      EXPECT_EQ(parameter.range.size(), 2U) << parameter.name;
    }
  }
}

TEST_P(EveryModelTest, EveryValueLiesWellInsideItsOwnPrior) {
  for (const Parameter& parameter : model.parameters) {
    EXPECT_GE(parameter.value, parameter.at_quantile(0.05)) << parameter.name;
    EXPECT_LE(parameter.value, parameter.at_quantile(0.95)) << parameter.name;
  }
}

TEST_P(EveryModelTest, TheMiddleIsTakenWhereBothEndsAreKindsOfHardware) {
  for (const char* const name : {"gpu.clock", "memory.system_bandwidth"}) {
    const auto found = std::ranges::find(model.parameters, name, &Parameter::name);
    ASSERT_NE(found, model.parameters.end());
    EXPECT_NEAR(found->value / found->at_quantile(0.5), 1, 0.005) << name;
  }
}

TEST_P(EveryModelTest, OperationsAndWaitsFollowTheClock) {
  std::vector<double> values;
  for (const Parameter& parameter : model.parameters) {
    values.push_back(parameter.name == "gpu.clock" ? parameter.value / 2 : parameter.value);
  }
  const GpuParameters slow = model.with(values);
  EXPECT_DOUBLE_EQ(slow.flops_fp16, model.point.flops_fp16 / 2);
  EXPECT_EQ(slow.t_grace, 2 * model.point.t_grace);
  EXPECT_EQ(slow.t_dequeue, 2 * model.point.t_dequeue);
}

TEST_P(EveryModelTest, ItsOwnValuesGiveItsPoint) {
  std::vector<double> values;
  for (const Parameter& parameter : model.parameters) {
    values.push_back(parameter.value);
  }
  const GpuParameters gpu = model.with(values);
  EXPECT_EQ(gpu.cus(), model.point.cus());
  EXPECT_EQ(gpu.hqd_slots, model.point.hqd_slots);
  EXPECT_EQ(gpu.t_hiq, model.point.t_hiq);
  EXPECT_EQ(gpu.cwsr_area_bytes, model.point.cwsr_area_bytes);
}

TEST_P(EveryModelTest, OneOtherValueChangesThatOneAlone) {
  std::vector<double> values;
  for (const Parameter& parameter : model.parameters) {
    const bool changed = parameter.name == "cost.t_hiq";
    values.push_back(changed ? 77'000 : parameter.value);
  }
  const GpuParameters gpu = model.with(values);
  EXPECT_EQ(gpu.t_hiq, std::chrono::microseconds(77));
  EXPECT_EQ(gpu.t_map, model.point.t_map);
}

/// CUs of the specifications, and the save area per XCC that the driver computes for them.
TEST(ShippedModelsTest, GeometryAndSaveAreaAreThoseOfTheHardware) {
  struct Known {
    std::string name;
    std::uint32_t cus;
    std::uint32_t waves;
    std::uint64_t area;
  };
  const std::vector<Known> all = {{"mi300x", 304, 32, 23'203'840},  {"mi308x", 80, 32, 0xBA6000},
                                  {"mi308x-cpx", 20, 32, 0xBA6000}, {"mi250x", 110, 32, 67'170'304},
                                  {"mi210", 104, 32, 63'508'480},   {"mi100", 120, 40, 73'273'344},
                                  {"mi50", 60, 40, 20'910'080}};
  for (const Known& known : all) {
    const Result<Model> model = find_model(known.name, 8);
    ASSERT_TRUE(model.has_value()) << model.error().what;
    EXPECT_EQ(model->point.cus(), known.cus) << known.name;
    EXPECT_EQ(model->point.waves_per_cu, known.waves) << known.name;
    EXPECT_EQ(model->point.cwsr_area_bytes, known.area) << known.name;
  }
}

TEST(ShippedModelsTest, NodeInCpxModeIsOneXccOfFourWithSixVmids) {
  const Result<Model> model = find_model("mi308x-cpx", 8);
  ASSERT_TRUE(model.has_value()) << model.error().what;
  EXPECT_EQ(model->point.partitions, 4U);
  EXPECT_EQ(model->point.xccs, 1U);
  EXPECT_EQ(model->point.vmids, 6U);
  EXPECT_EQ(model->point.hqd_slots, 24U);
}

/// GPreempt's suspend path on MI100 ends within 0.5 ms, whatever the victim holds.
TEST(ShippedModelsTest, SuspendOfAFullMi100FitsThePublishedBound) {
  const Result<Model> model = find_model("mi100", 8);
  ASSERT_TRUE(model.has_value()) << model.error().what;
  const GpuParameters& gpu = model->point;
  EXPECT_EQ(gpu.area_moves, 0);
  const SaveLoad full{.local = gpu.cwsr_area_bytes,
                      .xcc = gpu.cwsr_area_bytes,
                      .cu = gpu.cwsr_area_bytes / gpu.cus()};
  const Duration whole = gpu.t_ioctl + gpu.t_hiq + gpu.t_grace + gpu.t_stop + save_time(gpu, full) +
                         gpu.t_fence + gpu.t_build + gpu.t_copyctx;
  EXPECT_LE(whole, std::chrono::microseconds(500));
  EXPECT_GE(whole, std::chrono::microseconds(150));
}

TEST(ShippedModelsTest, SaveAreaOfOtherHardwareStandsInItsFile) {
  const Result<Model> model = find_model("gv100", 8);
  ASSERT_TRUE(model.has_value()) << model.error().what;
  EXPECT_EQ(model->point.cwsr_area_bytes, 80U * (256U + 96U) * 1024U);
  EXPECT_EQ(model->point.lanes_per_wave, 32U);
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

TEST_F(ModelFileTest, GpuLargerThanThePoolIsRefused) {
  expect_refused(replaced(shipped.text, "xccs          = { value = 4,", "xccs = { value = 9,"),
                 "xccs");
  expect_refused(
      replaced(shipped.text, "cus_per_xcc   = { value = 20,", "cus_per_xcc = { value = 129,"),
      "cus_per_xcc");
  expect_refused(replaced(shipped.text, "lds_per_cu    = { value = \"64KiB\",",
                          "lds_per_cu = { value = \"8MiB\","),
                 "lds_per_cu");
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
