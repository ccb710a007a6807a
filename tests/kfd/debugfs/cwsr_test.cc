// Goal: what is saved is read off a save area's header as the driver writes it. Method: headers by
// get_wave_state_v9_4_3's formulas from the words 174..176.
#include "backends/kfd/debugfs/cwsr.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "core/error.h"

namespace gpreempt::kfd::debugfs {
namespace {

constexpr std::uint64_t kAreaBytes = 12214272;  // of one XCC of an MI308X

using Memory = std::array<std::byte, CwsrHeader::kBytes>;

/// As the driver fills it from the MQD's words.
Memory header(std::uint32_t stack_offset, std::uint32_t stack_size, std::uint32_t waves_offset) {
  const std::array<std::uint32_t, 10> words = {stack_offset,
                                               stack_size - stack_offset,
                                               waves_offset,
                                               waves_offset - stack_size,
                                               0x1000,
                                               25600,
                                               0x55667788,
                                               0x11223344,
                                               9,
                                               0};
  Memory memory{};
  std::memcpy(memory.data(), words.data(), sizeof words);
  return memory;
}

TEST(CwsrHeader, HasBothPartsOfWhatIsSaved) {
  const auto read = decode_cwsr_header(header(8192 - 96, 8192, 8192 + 73728), kAreaBytes);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->control_stack_bytes, 96U);
  EXPECT_EQ(read->wave_state_bytes, 73728U);
  EXPECT_EQ(read->saved_bytes(), 96U + 73728U);
  EXPECT_EQ(read->debug_bytes, 25600U);
  EXPECT_EQ(read->error_payload_address, 0x1122334455667788U);
  EXPECT_EQ(read->error_event_id, 9U);
}

TEST(CwsrHeader, QueueWithoutWavesSavedNothing) {
  const auto read = decode_cwsr_header(header(8192, 8192, 8192), kAreaBytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->saved_bytes(), 0U);
}

TEST(CwsrHeader, PartsOutsideTheirAreaAreRefused) {
  const auto outside = decode_cwsr_header(header(8192, 8192, 8192 + 73728), 8192);
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, Errc::kParse);
  EXPECT_NE(outside.error().what.find("73728"), std::string::npos);
  Memory noise;
  noise.fill(std::byte{0x5a});
  EXPECT_FALSE(decode_cwsr_header(noise, kAreaBytes));
}

TEST(CwsrHeader, ShortMemoryIsRefused) {
  const Memory whole = header(8192, 8192, 8192);
  const auto read = decode_cwsr_header(std::span(whole).first(39), kAreaBytes);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::kInvalidArgument);
}

TEST(CwsrHeader, EachXccHasItsOwnArea) {
  EXPECT_EQ(cwsr_header_address(0x7f41a4000000, kAreaBytes, 0), 0x7f41a4000000U);
  EXPECT_EQ(cwsr_header_address(0x7f41a4000000, kAreaBytes, 3), 0x7f41a4000000U + 3 * kAreaBytes);
}

TEST(SaveTimes, IntervalThatNeverWasIsNone) {
  EXPECT_FALSE(SaveTimes{}.save_ticks());
  const SaveTimes saving{.save_start = 100, .save_end = 90, .restore_start = 7, .restore_end = 7};
  EXPECT_FALSE(saving.save_ticks());
  EXPECT_EQ(saving.restore_ticks(), 0U);
}

TEST(SaveTimes, TicksAreRoundedToNanoseconds) {
  constexpr std::uint64_t kReferenceClock = 100'000'000;
  EXPECT_EQ(ticks_to_duration(123, kReferenceClock), std::chrono::nanoseconds(1230));
  EXPECT_EQ(ticks_to_duration(2, 3'000'000'000), std::chrono::nanoseconds(1));
  EXPECT_EQ(ticks_to_duration(5 * kReferenceClock, kReferenceClock), std::chrono::seconds(5));
}

}  // namespace
}  // namespace gpreempt::kfd::debugfs
