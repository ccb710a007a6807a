// Goal: occupancy, wave state and transfer times are the published formulas. Expected values are
// worked out by hand from gfx942's limits (8 waves a SIMD, 512 KiB VGPRs and 64 KiB LDS a CU).
#include "backends/sim/gpu/parameters.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

#include "backends/sim/model_file.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

TEST(OccupancyTest, WaveSlotsVgprsAndLdsEachLimit) {
  const GpuParameters gpu = free_gpu();
  EXPECT_EQ(workgroups_per_cu(gpu, {.waves = 4, .vgprs = 32}), 8U);   // 32 slots
  EXPECT_EQ(workgroups_per_cu(gpu, {.waves = 4, .vgprs = 128}), 4U);  // 4 x 32 KiB each
  EXPECT_EQ(workgroups_per_cu(gpu, {.waves = 4, .vgprs = 32, .lds_bytes = 32768}), 2U);
  EXPECT_EQ(workgroups_per_cu(gpu, {.waves = 4, .vgprs = 32, .lds_bytes = 65537}), 0U);
  EXPECT_EQ(workgroups_per_cu(gpu, {.waves = 33, .vgprs = 8}), 0U);
}

TEST(OccupancyTest, VgprsAreAllocatedInGranulesOfEight) {
  EXPECT_EQ(vgpr_bytes(free_gpu(), {.waves = 1, .vgprs = 65}), 256U * 72U);
  EXPECT_EQ(vgpr_bytes(free_gpu(), {.waves = 1, .vgprs = 64}), 256U * 64U);
}

TEST(WaveStateTest, BytesAreRegistersOfEveryWaveAndLdsOfEveryWorkgroup) {
  const KernelShape shape{.waves = 4, .vgprs = 128, .sgprs = 104, .lds_bytes = 32768};
  EXPECT_EQ(wave_state_bytes(free_gpu(), shape, 160),
            160U * (4U * (256U * 128U + 4U * 104U + 128U) + 32768U));
  EXPECT_EQ(wave_state_bytes(free_gpu(), shape, 0), 0U);
}

TEST(WaveStateTest, FullMi308xIsBoundedByTheSaveArea) {
  const Result<Model> model = find_model("mi308x", 8);
  ASSERT_TRUE(model.has_value()) << model.error().what;
  const GpuParameters& gpu = model->point;
  // One wave per SIMD with all 512 VGPRs fills the register file of a CU.
  const KernelShape shape{.waves = 4, .vgprs = 512, .sgprs = 104, .lds_bytes = 65536};
  ASSERT_EQ(workgroups_per_cu(gpu, shape), 1U);
  const std::uint64_t bytes = wave_state_bytes(gpu, shape, gpu.cus());
  EXPECT_LE(bytes, gpu.cwsr_area_bytes * gpu.xccs);
  EXPECT_GT(bytes, gpu.cwsr_area_bytes * gpu.xccs * 9 / 10);
}

TEST(CwsrAreaTest, Mi308xIsTheSaveAreaAndControlStackOfARegisterDump) {
  GpuParameters gpu;  // gfx942's files
  gpu.cus_per_xcc = 20;
  EXPECT_EQ(cwsr_area(gpu).bytes, 0xBA6000U);
  EXPECT_EQ(cwsr_area(gpu).control_stack_bytes, 0x2000U);
}

TEST(CwsrAreaTest, Gfx9PartsAreWhatTheDriverComputes) {
  GpuParameters mi300x;
  mi300x.cus_per_xcc = 38;
  EXPECT_EQ(cwsr_area(mi300x).bytes, 23'203'840U);
  EXPECT_EQ(cwsr_area(mi300x).control_stack_bytes, 12'288U);
  GpuParameters large;  // gfx90a and gfx908: eight shader engines, which bound the control stack
  large.shader_engines = 8;
  large.cus_per_xcc = 110;
  EXPECT_EQ(cwsr_area(large).bytes, 67'170'304U);
  large.cus_per_xcc = 104;
  EXPECT_EQ(cwsr_area(large).bytes, 63'508'480U);
  large.cus_per_xcc = 120;
  large.vgpr_bytes_per_cu = large.acc_vgpr_bytes_per_cu = std::uint64_t{256} * 1024;
  EXPECT_EQ(cwsr_area(large).bytes, 73'273'344U);
  GpuParameters mi50;
  mi50.cus_per_xcc = 60;
  mi50.vgpr_bytes_per_cu = std::uint64_t{256} * 1024;
  EXPECT_EQ(cwsr_area(mi50).bytes, 20'910'080U);
}

TEST(WaveStateTest, AccVgprsOfTheirOwnAreSavedAlong) {
  const KernelShape shape{.waves = 1, .vgprs = 64, .sgprs = 104};
  GpuParameters gpu = free_gpu();
  gpu.acc_vgpr_bytes_per_cu = std::uint64_t{256} * 1024;
  EXPECT_EQ(wave_state_bytes(gpu, shape, 1), 2U * 256U * 64U + 4U * 104U + 128U);
}

TEST(WaveStateTest, WarpOf32LanesHoldsHalfTheRegisters) {
  GpuParameters gpu = free_gpu();
  gpu.lanes_per_wave = 32;
  EXPECT_EQ(vgpr_bytes(gpu, {.waves = 2, .vgprs = 64}), 2U * 128U * 64U);
}

TEST(TransferTest, SlowestPathDecides) {
  GpuParameters gpu = free_gpu();
  gpu.clock_hz = 1e9;
  gpu.cu_bytes_per_clock = 64;
  gpu.xcc_bandwidth = 1e12;
  // 80 MB: 1 MB a CU at 64 GB/s = 15.6 us, 20 MB an XCC at 1 TB/s = 20 us, 80 MB at 2 TB/s = 40 us.
  const SaveLoad load{.local = 80'000'000, .xcc = 20'000'000, .cu = 1'000'000};
  gpu.save_bandwidth = 2e12;
  EXPECT_EQ(save_time(gpu, load), std::chrono::microseconds(40));
  gpu.save_bandwidth = 8e12;
  EXPECT_EQ(save_time(gpu, load), std::chrono::microseconds(20));
  gpu.xcc_bandwidth = 1e13;
  gpu.save_bandwidth = 1e14;
  EXPECT_EQ(save_time(gpu, load), Duration(15625));
  EXPECT_EQ(save_time(gpu, {}), Duration::zero());
}

TEST(GraceTest, IsRoundedUpToUnitsOfAThousandClocks) {
  EXPECT_EQ(representable_grace(Duration(1), 1e9).value(), Duration(1000));
  EXPECT_EQ(representable_grace(Duration(1001), 1e9).value(), Duration(2000));
  // Zero would mean for ever; the kernel turns it into one unit, and so do we.
  EXPECT_EQ(representable_grace(Duration(0), 1e9).value(), Duration(1000));
  EXPECT_EQ(representable_grace(Duration(255'000), 1e9).value(), Duration(255'000));
}

TEST(GraceTest, MoreThan255UnitsIsRefusedNamingTheMaximum) {
  const Result<Duration> grace = representable_grace(Duration(255'001), 1e9);
  ASSERT_FALSE(grace.has_value());
  EXPECT_EQ(grace.error().code, Errc::kInvalidArgument);
  EXPECT_NE(grace.error().what.find("255000 ns"), std::string::npos) << grace.error().what;
}

}  // namespace
}  // namespace gpreempt::sim
