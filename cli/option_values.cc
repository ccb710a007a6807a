#include "cli/option_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "config/override.h"
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

Result<std::uint32_t> read_draws(const std::string& text, std::string_view option) {
  constexpr std::uint64_t kMin = 2;
  constexpr std::uint64_t kMax = 100'000;
  const std::optional<std::uint64_t> draws = whole_number(text);
  if (!draws || *draws < kMin || *draws > kMax) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading {} '{}': the number of draws is a whole number from {} to {}",
                            option, text, kMin, kMax));
  }
  return static_cast<std::uint32_t>(*draws);
}

Result<std::map<std::string, std::filesystem::path>> read_traces(
    const std::vector<std::string>& texts) {
  std::map<std::string, std::filesystem::path> traces;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    std::error_code ignored;
    const bool names_tenant = equals != std::string::npos && equals != 0 &&
                              text.find('/') > equals && !std::filesystem::exists(text, ignored);
    const std::string tenant = names_tenant ? text.substr(0, equals) : "";
    const std::string file = names_tenant ? text.substr(equals + 1) : text;
    if (file.empty()) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("reading --trace '{}': no file; write [TENANT=]FILE", text));
    }
    if (!traces.emplace(tenant, file).second) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("reading --trace '{}': a trace for {} was given before", text,
                              tenant.empty() ? "the only tenant with one" : tenant));
    }
  }
  return traces;
}

Result<Override> read_override(const std::string& text) {
  const std::size_t equals = text.find('=');
  Override one{.path = split_path(text.substr(0, equals)), .value = std::nullopt};
  const bool has_gap = std::ranges::any_of(one.path, &std::string::empty);
  if (equals == std::string::npos || has_gap || one.path == std::vector<std::string>{"model"}) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --set '{}': write PATH=VALUE, where PATH is keys with dots "
                            "between, like run.duration=10s or model.cost.t_hiq=9us",
                            text));
  }
  one.value = TomlValue::from_text(text.substr(equals + 1), fmt::format("--set {}", text));
  return one;
}

}  // namespace gpreempt::cli
