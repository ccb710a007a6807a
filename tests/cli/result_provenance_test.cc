// Goal: results name the machine and the program that they come from.
// Method: a made-up machine's sysfs, and models of which the name and target are known.
#include "cli/result_provenance.h"

#include <gtest/gtest.h>

#include <string>

#include "cli/run_options.h"
#include "experiments/provenance.h"
#include "tests/kfd/fake_box.h"

namespace gpreempt::cli {
namespace {

TEST(ResultProvenance, OfHardwareIsWhatSysfsTells) {
  kfd::FakeBox box;
  box.put(kfd::FakeBox::kDevice + "/product_name", "AMD Instinct MI308X\n");
  box.set_line(kfd::FakeBox::kNode + "/properties", "num_xcc",
               "4\nfw_version 177\nsdma_fw_version 22");
  const auto from = provenance_of({.kind = BackendKind::kKfd}, box);
  ASSERT_TRUE(from) << from.error().what;
  EXPECT_EQ(from->backend, "kfd");
  EXPECT_EQ(from->gpu, "AMD Instinct MI308X");
  EXPECT_EQ(from->gfx, "gfx942");
  EXPECT_EQ(from->gpus, 1U);
  EXPECT_EQ(from->driver, "dkms-6.12.12");
  EXPECT_EQ(from->firmware.at("mec"), "177");
  EXPECT_EQ(from->firmware.at("sdma"), "22");
  EXPECT_TRUE(from->built_from.starts_with("gpreempt "));
}

TEST(ResultProvenance, AGpuWithoutANameIsNamedByItsPciId) {
  kfd::FakeBox box;
  const auto from = provenance_of({.kind = BackendKind::kKfd}, box);
  ASSERT_TRUE(from);
  EXPECT_EQ(from->gpu, "PCI device 74a2");  // 29858
  EXPECT_TRUE(from->firmware.empty());
}

TEST(ResultProvenance, WithoutAGpuNothingIsSaidOfTheMachine) {
  kfd::FakeBox box;
  box.remove("/sys/class/kfd");
  const auto from = provenance_of({.kind = BackendKind::kKfd}, box);
  ASSERT_TRUE(from);
  EXPECT_EQ(from->gpus, std::nullopt);
  EXPECT_EQ(from->driver, "");
}

TEST(ResultProvenance, OfAModelIsItsNameAndItsDriversPersonality) {
  kfd::FakeBox box;
  const auto from = provenance_of(
      {.kind = BackendKind::kVkfd, .model = "mi210", .personality = "dkms-6.12.12"}, box);
  ASSERT_TRUE(from) << from.error().what;
  EXPECT_EQ(from->backend, "vkfd");
  EXPECT_TRUE(from->gpu.starts_with("model mi210 (")) << from->gpu;
  EXPECT_EQ(from->gfx, "gfx90a");
  EXPECT_EQ(from->gpus, std::nullopt);
  EXPECT_EQ(from->driver, "dkms-6.12.12");
  EXPECT_TRUE(from->firmware.empty());
}

TEST(ResultProvenance, OfSavedFilesIsTheProgramOnly) {
  const experiments::Provenance from = provenance_of_files();
  EXPECT_EQ(from.backend, "files");
  EXPECT_TRUE(from.gpu.empty() && from.driver.empty());
  EXPECT_TRUE(from.built_from.starts_with("gpreempt "));
}

}  // namespace
}  // namespace gpreempt::cli
