#include "core/units.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace gpreempt {
namespace {

__extension__ using Wide = unsigned __int128;

/// `number * factor * 10^exponent / divisor` base units.
struct Unit {
  std::string_view name;
  std::uint64_t factor = 1;
  int exponent = 0;
  std::uint64_t divisor = 1;
};

constexpr std::array kDurationUnits{
    Unit{.name = "ns"},
    Unit{.name = "us", .factor = 1'000},
    Unit{.name = "ms", .factor = 1'000'000},
    Unit{.name = "s", .factor = 1'000'000'000},
    Unit{.name = "min", .factor = 60'000'000'000},
    Unit{.name = "h", .factor = 3'600'000'000'000},
};
constexpr std::array kByteUnits{
    Unit{.name = "B"},
    Unit{.name = "kB", .factor = 1'000},
    Unit{.name = "MB", .factor = 1'000'000},
    Unit{.name = "GB", .factor = 1'000'000'000},
    Unit{.name = "TB", .factor = 1'000'000'000'000},
    Unit{.name = "KiB", .factor = std::uint64_t{1} << 10U},
    Unit{.name = "MiB", .factor = std::uint64_t{1} << 20U},
    Unit{.name = "GiB", .factor = std::uint64_t{1} << 30U},
    Unit{.name = "TiB", .factor = std::uint64_t{1} << 40U},
};
constexpr std::array kRateUnits{
    Unit{.name = "/s"},
    Unit{.name = "/ms", .exponent = 3},
    Unit{.name = "/us", .exponent = 6},
    Unit{.name = "/min", .divisor = 60},
    Unit{.name = "/h", .divisor = 3600},
};
constexpr std::array kBandwidthUnits{
    Unit{.name = "B/s"},
    Unit{.name = "kB/s", .exponent = 3},
    Unit{.name = "MB/s", .exponent = 6},
    Unit{.name = "GB/s", .exponent = 9},
    Unit{.name = "TB/s", .exponent = 12},
};
constexpr std::array kFrequencyUnits{
    Unit{.name = "Hz"},
    Unit{.name = "kHz", .exponent = 3},
    Unit{.name = "MHz", .exponent = 6},
    Unit{.name = "GHz", .exponent = 9},
};
constexpr std::array kFlopsUnits{
    Unit{.name = "F/s"},
    Unit{.name = "MF/s", .exponent = 6},
    Unit{.name = "GF/s", .exponent = 9},
    Unit{.name = "TF/s", .exponent = 12},
    Unit{.name = "PF/s", .exponent = 15},
};
constexpr std::array kPercentUnits{Unit{.name = "%", .exponent = -2}};

/// What a kind of quantity is called and measured in.
struct Kind {
  std::string_view name;
  std::span<const Unit> units;
};

tl::unexpected<Error> refuse(const Kind& kind, std::string_view text, std::string_view reason) {
  std::vector<std::string_view> names;
  names.reserve(kind.units.size());
  for (const Unit& unit : kind.units) {
    names.push_back(unit.name);
  }
  return fail(Errc::kInvalidArgument,
              fmt::format("'{}' is not a {}: {}; write a number and one of {}", text, kind.name,
                          reason, fmt::join(names, ", ")));
}

/// `mantissa * 10^exponent` of a unit.
struct Measure {
  std::uint64_t mantissa = 0;
  int exponent = 0;
  Unit unit;
};

constexpr int kMaxDigits = 18;    // fit a 64-bit mantissa
constexpr int kMaxExponent = 40;  // beyond it nothing here has a meaning

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes digits off the front of `text`; false when there are too many.
bool take_digits(std::string_view& text, Measure& out, int& digits, bool fraction) {
  while (!text.empty() && is_digit(text.front())) {
    const auto digit = static_cast<std::uint64_t>(text.front() - '0');
    if (out.mantissa != 0 || digit != 0) {
      if (++digits > kMaxDigits) {
        return false;
      }
    }
    out.mantissa = out.mantissa * 10 + digit;
    out.exponent -= fraction ? 1 : 0;
    text.remove_prefix(1);
  }
  return out.exponent >= -kMaxExponent;
}

/// Takes "e3", "e-6" off the front of `text`; leaves anything else alone. False: out of range.
bool take_exponent(std::string_view& text, Measure& out) {
  if (text.size() < 2 || (text.front() != 'e' && text.front() != 'E')) {
    return true;
  }
  std::string_view rest = text.substr(1);
  if (rest.front() == '+') {
    rest.remove_prefix(1);
  }
  int value = 0;
  const auto [end, status] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (status == std::errc::invalid_argument) {
    return true;
  }
  if (status != std::errc{} || value < -kMaxExponent || value > kMaxExponent) {
    return false;
  }
  out.exponent += value;
  text = rest.substr(static_cast<std::size_t>(end - rest.data()));
  return true;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') {
    text.remove_prefix(1);
  }
  while (!text.empty() && text.back() == ' ') {
    text.remove_suffix(1);
  }
  return text;
}

Result<Measure> parse_measure(const Kind& kind, std::string_view text) {
  std::string_view rest = trimmed(text);
  if (rest.starts_with('-')) {
    return refuse(kind, text, "it is negative");
  }
  if (rest.empty() || (!is_digit(rest.front()) && rest.front() != '.')) {
    return refuse(kind, text, "it does not start with a number");
  }
  Measure out;
  int digits = 0;
  const std::size_t length = rest.size();
  bool fits = take_digits(rest, out, digits, false);
  bool any = rest.size() < length;
  if (fits && rest.starts_with('.')) {
    rest.remove_prefix(1);
    any = any || (!rest.empty() && is_digit(rest.front()));
    fits = take_digits(rest, out, digits, true);
  }
  if (!any) {
    return refuse(kind, text, "it does not start with a number");
  }
  if (!fits || !take_exponent(rest, out)) {
    return refuse(kind, text, "its number has too many digits");
  }
  rest = trimmed(rest);
  if (rest.empty()) {
    return refuse(kind, text, "its unit is missing");
  }
  for (const Unit& unit : kind.units) {
    if (unit.name == rest) {
      out.unit = unit;
      return out;
    }
  }
  return refuse(kind, text, fmt::format("unit '{}' is unknown", rest));
}

/// In whole base units, rounded to nearest; nullopt if it is over `limit`.
std::optional<std::uint64_t> whole(const Measure& measure, std::uint64_t limit) {
  Wide value = Wide{measure.mantissa} * measure.unit.factor;
  for (int i = 0; i < measure.exponent; ++i) {
    if (value > limit) {
      return std::nullopt;
    }
    value *= 10;
  }
  Wide divisor = 1;
  for (int i = measure.exponent; i < 0; ++i) {
    if (divisor > value * 2) {
      return 0;
    }
    divisor *= 10;
  }
  value = value / divisor + (value % divisor * 2 >= divisor ? 1 : 0);
  if (value > limit) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(value);
}

Result<std::uint64_t> parse_whole(const Kind& kind, std::string_view text, std::uint64_t limit) {
  const Result<Measure> measure = parse_measure(kind, text);
  if (!measure) {
    return tl::unexpected<Error>(measure.error());
  }
  const std::optional<std::uint64_t> value = whole(*measure, limit);
  if (!value) {
    return refuse(kind, text, "it is too large");
  }
  if (*value == 0 && measure->mantissa != 0) {
    return refuse(kind, text, "it is too small to be told from zero");
  }
  return *value;
}

/// Correctly rounded where the unit is a power of ten.
Result<double> parse_real(const Kind& kind, std::string_view text) {
  const Result<Measure> measure = parse_measure(kind, text);
  if (!measure) {
    return tl::unexpected<Error>(measure.error());
  }
  const std::string decimal =
      fmt::format("{}e{}", measure->mantissa, measure->exponent + measure->unit.exponent);
  double value = 0;
  std::from_chars(decimal.data(), decimal.data() + decimal.size(), value);
  return value / static_cast<double>(measure->unit.divisor);
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  constexpr auto kLimit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return parse_whole({.name = "duration", .units = kDurationUnits}, text, kLimit)
      .map([](std::uint64_t ns) { return Duration(static_cast<std::int64_t>(ns)); });
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  return parse_whole({.name = "size", .units = kByteUnits}, text,
                     std::numeric_limits<std::uint64_t>::max());
}

Result<double> parse_rate(std::string_view text) {
  return parse_real({.name = "rate", .units = kRateUnits}, text);
}

Result<double> parse_bandwidth(std::string_view text) {
  return parse_real({.name = "bandwidth", .units = kBandwidthUnits}, text);
}

Result<double> parse_frequency(std::string_view text) {
  return parse_real({.name = "frequency", .units = kFrequencyUnits}, text);
}

Result<double> parse_flops(std::string_view text) {
  return parse_real({.name = "compute rate", .units = kFlopsUnits}, text);
}

Result<double> parse_percent(std::string_view text) {
  return parse_real({.name = "percentage", .units = kPercentUnits}, text);
}

std::string format_duration(Duration duration) {
  const std::int64_t ns = to_ns(duration);
  const bool negative = ns < 0;
  // Negating in unsigned arithmetic also holds for the smallest value.
  const std::uint64_t magnitude =
      negative ? 0 - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  Unit best = kDurationUnits[0];
  for (const Unit& unit : std::span(kDurationUnits).first(4)) {
    if (magnitude >= unit.factor) {
      best = unit;
    }
  }
  std::string text = fmt::format("{}{}", negative ? "-" : "", magnitude / best.factor);
  std::uint64_t rest = magnitude % best.factor;
  if (rest != 0) {
    std::string digits;
    for (std::uint64_t place = best.factor / 10; rest != 0; place /= 10) {
      digits += static_cast<char>('0' + static_cast<char>(rest / place));
      rest %= place;
    }
    text += "." + digits;
  }
  return magnitude == 0 ? "0s" : text + std::string(best.name);
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::uint64_t kKib = 1024;
  if (bytes >= kKib * kKib && bytes % (kKib * kKib) == 0) {
    return fmt::format("{} MiB", bytes / (kKib * kKib));
  }
  return bytes > 0 && bytes % kKib == 0 ? fmt::format("{} KiB", bytes / kKib)
                                        : fmt::format("{} B", bytes);
}

}  // namespace gpreempt
