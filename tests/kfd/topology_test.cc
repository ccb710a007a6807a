// The topology reader and the grace period. Goal: it reads what node_show of amdkfd prints, and
// says where a format differs instead of guessing.
#include "backends/kfd/topology.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>

#include "backends/kfd/abi.h"
#include "backends/kfd/grace_period.h"
#include "core/error.h"
#include "core/time.h"
#include "tests/kfd/fake_driver.h"

namespace gpreempt::kfd {
namespace {

class TopologyTest : public ::testing::Test {
 protected:
  static constexpr const char* kProperties = "/sys/class/kfd/kfd/topology/nodes/1/properties";

  Error error_of(const std::string& properties) {
    driver_.set_file(kProperties, properties);
    const auto read = read_topology(driver_, "/sys");
    EXPECT_FALSE(read);
    return read ? Error{} : read.error();
  }
  FakeDriver driver_;
};

TEST_F(TopologyTest, GpusAreReadAndProcessorsLeftOut) {
  const auto gpus = read_topology(driver_, "/sys").value();
  ASSERT_EQ(gpus.size(), 1U);
  EXPECT_EQ(gpus[0].info.id, GpuId(FakeDriver::kGpu));
  EXPECT_EQ(gpus[0].info.cus, 80U);
  EXPECT_EQ(gpus[0].info.xccs, 4U);
  EXPECT_EQ(gpus[0].info.hqd_slots, 24U);
  EXPECT_EQ(gpus[0].max_clock_mhz, FakeDriver::kClockMhz);
}

TEST_F(TopologyTest, NodesAreInNumericOrder) {
  const std::string nodes = "/sys/class/kfd/kfd/topology/nodes/";
  for (const std::string node : {"10", "2"}) {
    driver_.set_file(nodes + node + "/gpu_id", node + "\n");
    driver_.set_file(nodes + node + "/properties",
                     "simd_count 4\nsimd_per_cu 4\nnum_cp_queues 8\nmax_engine_clk_fcompute 1\n");
  }
  const auto gpus = read_topology(driver_, "/sys").value();
  ASSERT_EQ(gpus.size(), 3U);
  EXPECT_EQ(gpus[1].info.id, GpuId(2));
  EXPECT_EQ(gpus[2].info.id, GpuId(10));
  EXPECT_EQ(gpus[2].info.xccs, 1U) << "drivers before num_xcc have one";
}

TEST_F(TopologyTest, UnknownKeysAreTolerated) {
  driver_.set_file(kProperties,
                   "simd_count 320\nsimd_per_cu 4\nnum_cp_queues 24\n"
                   "max_engine_clk_fcompute 2100\nnum_xcc 4\ncapability2 7\n");
  EXPECT_TRUE(read_topology(driver_, "/sys"));
}

TEST_F(TopologyTest, LineWithoutAValueIsRefusedWithItsPlace) {
  const auto error = error_of("simd_count 320\nsimd_per_cu\n");
  EXPECT_EQ(error.code, Errc::kParse);
  EXPECT_EQ(error.what.find(std::string(kProperties) + ":2:1:"), 0U);
}

TEST_F(TopologyTest, ValueThatIsNoNumberIsRefusedWithItsPlace) {
  const auto error = error_of("simd_count 0x140\n");
  EXPECT_EQ(error.code, Errc::kParse);
  EXPECT_EQ(error.what.find(std::string(kProperties) + ":1:12:"), 0U);
}

TEST_F(TopologyTest, KeyThatIsThereTwiceIsRefused) {
  EXPECT_EQ(error_of("simd_count 320\nsimd_count 320\n").code, Errc::kParse);
}

TEST_F(TopologyTest, MissingKeyIsNamed) {
  const auto error = error_of("simd_count 320\nsimd_per_cu 4\nnum_cp_queues 24\n");
  EXPECT_EQ(error.code, Errc::kParse);
  EXPECT_NE(error.what.find("max_engine_clk_fcompute"), std::string::npos);
}

TEST_F(TopologyTest, ZeroIsRefusedWhereItMakesNoSense) {
  const auto error = error_of("simd_count 320\nsimd_per_cu 0\nnum_cp_queues 24\n");
  EXPECT_EQ(error.code, Errc::kParse);
  EXPECT_NE(error.what.find("simd_per_cu"), std::string::npos);
}

TEST_F(TopologyTest, MissingFolderIsNoDevice) {
  EXPECT_EQ(read_topology(driver_, "/elsewhere").error().code, Errc::kNoSuchDevice);
}

TEST(GracePeriod, DefaultIsTheDriversOwn) {
  EXPECT_EQ(to_grace_units(std::nullopt, 2100).value(), 0xffffffffU);
}

TEST(GracePeriod, UnitsAreThousandClocksRoundedUp) {
  // At 1000 MHz a clock is 1 ns, a unit 1000 ns.
  EXPECT_EQ(to_grace_units(Duration(0), 1000).value(), 1U);
  EXPECT_EQ(to_grace_units(Duration(1000), 1000).value(), 1U);
  EXPECT_EQ(to_grace_units(Duration(1001), 1000).value(), 2U);
  EXPECT_EQ(to_grace_units(Duration(255000), 1000).value(), 255U);
  // At 2000 MHz twice as many fit into the same time.
  EXPECT_EQ(to_grace_units(Duration(1001), 2000).value(), 3U);
}

TEST(GracePeriod, MoreThanEightBitsAreRefused) {
  EXPECT_EQ(to_grace_units(Duration(255001), 1000).error().code, Errc::kInvalidArgument);
  EXPECT_EQ(to_grace_units(Duration::max(), 1000).error().code, Errc::kInvalidArgument);
  EXPECT_EQ(to_grace_units(Duration(-1), 1000).error().code, Errc::kInvalidArgument);
}

}  // namespace
}  // namespace gpreempt::kfd
