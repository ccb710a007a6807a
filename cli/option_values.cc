#include "cli/option_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "core/nearest.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt::cli {
namespace {

std::optional<std::uint64_t> whole_number(const std::string& text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end ? std::optional(value) : std::nullopt;
}

}  // namespace

Result<OutputFormat> read_format(const std::string& text) {
  constexpr std::array<std::string_view, 2> kFormats = {"text", "json"};
  const auto* const found = std::ranges::find(kFormats, text);
  if (found == kFormats.end()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --format '{}': unknown{}", text, suggestion(text, kFormats)));
  }
  return static_cast<OutputFormat>(found - kFormats.begin());
}

Result<std::uint64_t> read_seed(const std::string& text) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  const std::optional<std::uint64_t> seed = whole_number(text);
  if (!seed || *seed > kMax) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format("reading --seed '{}': a seed is a whole number from 0 to {}", text, kMax));
  }
  return *seed;
}

Result<Duration> read_duration(const std::string& text) {
  Result<Duration> duration = parse_duration(text);
  if (!duration) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --duration: {}", duration.error().what));
  }
  if (*duration <= Duration::zero()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --duration '{}': it must be longer than 0", text));
  }
  return duration;
}

Result<std::uint32_t> read_draws(const std::string& text) {
  constexpr std::uint64_t kMin = 2;
  constexpr std::uint64_t kMax = 100'000;
  const std::optional<std::uint64_t> draws = whole_number(text);
  if (!draws || *draws < kMin || *draws > kMax) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --band '{}': the number of draws is a whole number from {} to "
                            "{}",
                            text, kMin, kMax));
  }
  return static_cast<std::uint32_t>(*draws);
}

}  // namespace gpreempt::cli
