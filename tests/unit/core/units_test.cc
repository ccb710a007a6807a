#include "core/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/time.h"

// Expected values are plain arithmetic on the definitions of the units.

namespace gpreempt {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(DurationText, IsReadExactly) {
  const std::vector<std::pair<std::string, std::int64_t>> cases{
      {"50ms", 50'000'000},
      {"2us", 2'000},
      {"1.5s", 1'500'000'000},
      {"3ns", 3},
      {"1h", 3'600'000'000'000},
      {"2min", 120'000'000'000},
      {"0s", 0},
      {"0.5us", 500},
      {"12 ms", 12'000'000},
      {".25ms", 250'000},
      {"1e3us", 1'000'000},
      {"1.5e-3s", 1'500'000},
      {"0.0015s", 1'500'000},
      {"3.0000001us", 3'000},  // rounds to the nearest nanosecond
      {"1.9999ns", 2},
  };
  for (const auto& [text, ns] : cases) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().what;
    EXPECT_EQ(to_ns(*parsed), ns) << text;
  }
}

TEST(DurationText, IsRefusedWithTheTextAndTheValidUnits) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"50", "unit is missing"},
      {"ms", "does not start with a number"},
      {"", "does not start with"},
      {"-5ms", "negative"},
      {"5 parsec", "unit 'parsec'"},
      {"1..5s", "unit '.5s'"},
      {"0.1ns", "too small"},
      {"1e30h", "too large"},
      {"1e99s", "too many digits"},
      {"12345678901234567890ns", "too many digits"},
      {"1000000h", ""},
      {"3000000h", "too large"},
      {".s", "does not start with a"},
  };
  for (const auto& [text, reason] : cases) {
    const auto parsed = parse_duration(text);
    if (reason.empty()) {
      EXPECT_TRUE(parsed) << text;
      continue;
    }
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::kInvalidArgument);
    EXPECT_THAT(parsed.error().what,
                AllOf(HasSubstr("'" + text + "'"), HasSubstr(reason), HasSubstr("ns, us, ms, s")));
  }
}

TEST(DurationText, IsWrittenInItsLargestUnit) {
  EXPECT_EQ(format_duration(std::chrono::milliseconds(50)), "50ms");
  EXPECT_EQ(format_duration(std::chrono::milliseconds(1500)), "1.5s");
  EXPECT_EQ(format_duration(Duration(1)), "1ns");
  EXPECT_EQ(format_duration(Duration(20'050)), "20.05us");
  EXPECT_EQ(format_duration(Duration(-3'000)), "-3us");
  EXPECT_EQ(format_duration(Duration(0)), "0s");
  EXPECT_EQ(format_duration(std::chrono::hours(2)), "7200s");
}

RC_GTEST_PROP(DurationText, WrittenIsReadBackTheSame, ()) {
  // 18 digits: what a text may have.
  const auto ns = *rc::gen::inRange<std::int64_t>(0, 999'999'999'999'999'999);
  const auto parsed = parse_duration(format_duration(Duration(ns)));
  RC_ASSERT(parsed.has_value());
  RC_ASSERT(to_ns(*parsed) == ns);
}

RC_GTEST_PROP(DurationText, AnyBytesAreReadOrRefused, (const std::string& text)) {
  const auto parsed = parse_duration(text);
  RC_ASSERT(!parsed.has_value() || *parsed >= Duration::zero());
}

TEST(ByteText, KnowsDecimalAndBinaryUnits) {
  EXPECT_EQ(parse_bytes("64KiB").value(), 65'536U);
  EXPECT_EQ(parse_bytes("512KiB").value(), 524'288U);
  EXPECT_EQ(parse_bytes("46.7MiB").value(), 48'968'499U);  // 48,968,499.2
  EXPECT_EQ(parse_bytes("1GB").value(), 1'000'000'000U);
  EXPECT_EQ(parse_bytes("0KiB").value(), 0U);
  EXPECT_EQ(parse_bytes("7B").value(), 7U);
  EXPECT_FALSE(parse_bytes("64"));
  EXPECT_FALSE(parse_bytes("64kb"));
}

TEST(RateText, IsPerSecond) {
  EXPECT_EQ(parse_rate("5.53/s").value(), 5.53);
  EXPECT_EQ(parse_rate("2/ms").value(), 2000);
  EXPECT_EQ(parse_rate("120/min").value(), 2);
  EXPECT_FALSE(parse_rate("-5/s"));
  EXPECT_FALSE(parse_rate("5"));
  EXPECT_FALSE(parse_rate("5Hz"));
}

TEST(RealText, IsCorrectlyRounded) {
  EXPECT_EQ(parse_bandwidth("1.8TB/s").value(), 1.8e12);
  EXPECT_EQ(parse_bandwidth("1.05TB/s").value(), 1.05e12);
  EXPECT_EQ(parse_frequency("2.1GHz").value(), 2.1e9);
  EXPECT_EQ(parse_flops("344TF/s").value(), 344e12);
  EXPECT_EQ(parse_percent("20%").value(), 0.2);
  EXPECT_EQ(parse_percent("5%").value(), 0.05);
  EXPECT_EQ(parse_percent("0.5 %").value(), 0.005);
}

TEST(RealText, OfAnotherQuantityIsRefused) {
  EXPECT_FALSE(parse_bandwidth("1.8TB"));
  EXPECT_FALSE(parse_frequency("2.1"));
  EXPECT_FALSE(parse_flops("344TB/s"));
  EXPECT_FALSE(parse_percent("0.2"));
}

TEST(FormatBytesTest, UsesTheLargestUnitThatIsFilled) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(100), "100 B");
  EXPECT_EQ(format_bytes(4096), "4 KiB");
  EXPECT_EQ(format_bytes(1536), "1536 B");
  EXPECT_EQ(format_bytes(std::uint64_t{3} << 20U), "3 MiB");
  EXPECT_EQ(format_bytes((std::uint64_t{1} << 20U) + 1024), "1025 KiB");
}

}  // namespace
}  // namespace gpreempt
