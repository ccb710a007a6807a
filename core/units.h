#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/time.h"

/// Quantities as people write them: a decimal number and a unit, with or without a space between.
/// Every parser refuses a bare number, an unknown unit and a negative value with kInvalidArgument;
/// the text names what was read and the units that are valid.
namespace gpreempt {

/// "50ms", "2us", "1.5s", "3ns", "1h", "2min", "0s". Exact; a fraction of a nanosecond is rounded
/// to nearest, and a positive duration that would round to 0 is refused.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

/// "5.53/s", "2/ms", "120/min". Events per second.
[[nodiscard]] Result<double> parse_rate(std::string_view text);

/// "64KiB", "46.7MiB", "1GB", "512B". Decimal (kB, MB, GB, TB) and binary (KiB, MiB, GiB, TiB)
/// units; rounded to the nearest byte.
[[nodiscard]] Result<std::uint64_t> parse_bytes(std::string_view text);

/// "1.8TB/s". Bytes per second.
[[nodiscard]] Result<double> parse_bandwidth(std::string_view text);

/// "2.1GHz". Hertz.
[[nodiscard]] Result<double> parse_frequency(std::string_view text);

/// "344TF/s". Floating-point operations per second.
[[nodiscard]] Result<double> parse_flops(std::string_view text);

/// "20%" is 0.2. More than 100 % is allowed; the caller bounds it.
[[nodiscard]] Result<double> parse_percent(std::string_view text);

/// Exact, in the largest of ns, us, ms, s that it fills: "50ms", "1.5s", "-3us". `parse_duration`
/// reads it back, unless it is negative or has more than 18 digits.
[[nodiscard]] std::string format_duration(Duration duration);

/// "4 KiB", "1 MiB", "100 B": in the largest binary unit that it fills.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

}  // namespace gpreempt
