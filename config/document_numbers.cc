#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "config/toml_entry.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/time.h"
#include "core/units.h"

/// The typed getters of `TomlTable`.
namespace gpreempt {
namespace {

tl::unexpected<std::string> because(std::string reason) {
  return tl::unexpected<std::string>(std::move(reason));
}

tl::unexpected<std::string> wrong_type(const toml::node& node, std::string_view wanted) {
  return because(fmt::format("{} found, but this is {}", toml_type(node), wanted));
}

struct Whole {
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};

Converted<std::uint64_t> bounded(const toml::node& node, Whole bounds) {
  Converted<std::uint64_t> value = toml_integer(node);
  if (value && (*value < bounds.min || *value > bounds.max)) {
    if (bounds.max == std::numeric_limits<std::uint64_t>::max()) {
      return because(fmt::format("{} is too small; the least is {}", *value, bounds.min));
    }
    return because(fmt::format("{} is out of range; it must be within {}..{}", *value, bounds.min,
                               bounds.max));
  }
  return value;
}

Converted<double> bounded(const toml::node& node, Bounds bounds) {
  Converted<double> value = toml_number(node);
  if (value && bounds.min && *value < *bounds.min) {
    return because(fmt::format("{} is too small; the least is {}", *value, *bounds.min));
  }
  if (value && bounds.max && *value > *bounds.max) {
    return because(fmt::format("{} is too large; the most is {}", *value, *bounds.max));
  }
  return value;
}

Converted<double> above_zero(Converted<double> value) {
  if (value && !(*value > 0)) {
    return because(fmt::format("{} is not allowed; it must be greater than 0", *value));
  }
  return value;
}

Converted<Duration> above_zero(Converted<Duration> value) {
  if (value && *value <= Duration::zero()) {
    return because("0 is not allowed; it must be longer");
  }
  return value;
}

Converted<Duration> to_duration(const toml::node& node) {
  return toml_measure<Duration>(node, parse_duration);
}
Converted<Duration> to_positive_duration(const toml::node& node) {
  return above_zero(to_duration(node));
}
Converted<double> to_percent(const toml::node& node) {
  return toml_measure<double>(node, parse_percent);
}
Converted<std::uint64_t> to_bytes(const toml::node& node) {
  return toml_measure<std::uint64_t>(node, parse_bytes);
}

template <class T, class Convert>
Result<std::vector<T>> read_array(TomlEntry& entry, std::string_view key, Convert convert) {
  return toml_read<std::vector<T>>(
      entry, key, std::vector<T>{}, [&](const toml::node& node) -> Converted<std::vector<T>> {
        const toml::array* array = node.as_array();
        if (array == nullptr) {
          return wrong_type(node, "an array");
        }
        std::vector<T> values;
        for (std::size_t i = 0; i < array->size(); ++i) {
          Converted<T> value = convert(*array->get(i));
          if (!value) {
            return because(fmt::format("element {}: {}", i, value.error()));
          }
          values.push_back(*std::move(value));
        }
        return values;
      });
}

using SizedDuration = std::pair<std::uint32_t, Duration>;

Converted<SizedDuration> to_sized_duration(const toml::node& node) {
  const toml::array* pair = node.as_array();
  if (pair == nullptr || pair->size() != 2) {
    return because("a pair like [128, \"2ms\"] is needed");
  }
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  const Converted<std::uint64_t> size = bounded(*pair->get(0), Whole{.min = 1, .max = kMost});
  if (!size) {
    return because(size.error());
  }
  return to_positive_duration(*pair->get(1)).map([&](Duration time) {
    return SizedDuration(static_cast<std::uint32_t>(*size), time);
  });
}

Converted<std::string> one_of(const toml::node& node, const std::vector<std::string_view>& valid) {
  Converted<std::string> value = toml_string(node);
  if (!value) {
    return value;
  }
  for (const std::string_view name : valid) {
    if (name == *value) {
      return value;
    }
  }
  return because(fmt::format("unknown value '{}'{}", *value, suggestion(*value, valid)));
}

}  // namespace

Converted<std::string> toml_string(const toml::node& node) {
  if (auto value = node.value_exact<std::string>()) {
    return *std::move(value);
  }
  return wrong_type(node, "a string");
}

Converted<double> toml_number(const toml::node& node) {
  if (!node.is_number()) {
    return wrong_type(node, "a number");
  }
  const double value = node.value<double>().value_or(std::numeric_limits<double>::quiet_NaN());
  if (!std::isfinite(value)) {
    return because("a finite number is needed");
  }
  return value;
}

Converted<std::uint64_t> toml_integer(const toml::node& node) {
  const auto value = node.value_exact<std::int64_t>();
  if (!value) {
    return wrong_type(node, "an integer");
  }
  if (*value < 0) {
    return because(fmt::format("{} is negative; the least is 0", *value));
  }
  return static_cast<std::uint64_t>(*value);
}

Result<std::string> TomlTable::string(std::string_view key) const {
  return toml_read<std::string>(*entry_, key, std::nullopt, toml_string);
}
Result<std::string> TomlTable::string(std::string_view key, std::string_view fallback) const {
  return toml_read<std::string>(*entry_, key, std::string(fallback), toml_string);
}

Result<bool> TomlTable::boolean(std::string_view key, bool fallback) const {
  return toml_read<bool>(*entry_, key, fallback, [](const toml::node& node) -> Converted<bool> {
    const auto value = node.value_exact<bool>();
    return value ? Converted<bool>(*value) : wrong_type(node, "true or false");
  });
}

Result<std::uint64_t> TomlTable::uint64(std::string_view key, std::uint64_t min,
                                        std::uint64_t max) const {
  return toml_read<std::uint64_t>(*entry_, key, std::nullopt, [&](const toml::node& node) {
    return bounded(node, Whole{.min = min, .max = max});
  });
}
Result<std::uint64_t> TomlTable::uint64(std::string_view key, std::uint64_t min, std::uint64_t max,
                                        std::uint64_t fallback) const {
  return has(key) ? uint64(key, min, max) : Result<std::uint64_t>(fallback);
}

Result<std::uint32_t> TomlTable::uint32(std::string_view key, std::uint32_t min,
                                        std::uint32_t max) const {
  return uint64(key, min, max).map([](std::uint64_t value) {
    return static_cast<std::uint32_t>(value);
  });
}
Result<std::uint32_t> TomlTable::uint32(std::string_view key, std::uint32_t min, std::uint32_t max,
                                        std::uint32_t fallback) const {
  return has(key) ? uint32(key, min, max) : Result<std::uint32_t>(fallback);
}

Result<double> TomlTable::number(std::string_view key, Bounds bounds) const {
  return toml_read<double>(*entry_, key, std::nullopt,
                           [&](const toml::node& node) { return bounded(node, bounds); });
}
Result<double> TomlTable::number(std::string_view key, Bounds bounds, double fallback) const {
  return has(key) ? number(key, bounds) : Result<double>(fallback);
}

Result<double> TomlTable::positive(std::string_view key) const {
  return toml_read<double>(*entry_, key, std::nullopt,
                           [](const toml::node& node) { return above_zero(toml_number(node)); });
}
Result<double> TomlTable::positive(std::string_view key, double fallback) const {
  return has(key) ? positive(key) : Result<double>(fallback);
}

Result<Duration> TomlTable::duration(std::string_view key) const {
  return toml_read<Duration>(*entry_, key, std::nullopt, to_duration);
}
Result<Duration> TomlTable::duration(std::string_view key, Duration fallback) const {
  return toml_read<Duration>(*entry_, key, fallback, to_duration);
}
Result<Duration> TomlTable::positive_duration(std::string_view key) const {
  return toml_read<Duration>(*entry_, key, std::nullopt, to_positive_duration);
}
Result<Duration> TomlTable::positive_duration(std::string_view key, Duration fallback) const {
  return toml_read<Duration>(*entry_, key, fallback, to_positive_duration);
}

Result<double> TomlTable::rate(std::string_view key) const {
  return toml_read<double>(*entry_, key, std::nullopt, [](const toml::node& node) {
    return above_zero(toml_measure<double>(node, parse_rate));
  });
}

Result<std::uint64_t> TomlTable::bytes(std::string_view key) const {
  return toml_read<std::uint64_t>(*entry_, key, std::nullopt, to_bytes);
}
Result<std::uint64_t> TomlTable::bytes(std::string_view key, std::uint64_t fallback) const {
  return toml_read<std::uint64_t>(*entry_, key, fallback, to_bytes);
}

Result<double> TomlTable::percent(std::string_view key) const {
  return toml_read<double>(*entry_, key, std::nullopt, to_percent);
}

Result<std::vector<std::string>> TomlTable::strings(std::string_view key) const {
  return read_array<std::string>(*entry_, key, toml_string);
}
Result<std::vector<std::uint64_t>> TomlTable::integers(std::string_view key) const {
  return read_array<std::uint64_t>(*entry_, key, toml_integer);
}
Result<std::vector<Duration>> TomlTable::durations(std::string_view key) const {
  return read_array<Duration>(*entry_, key, to_duration);
}
Result<std::vector<double>> TomlTable::percents(std::string_view key) const {
  return read_array<double>(*entry_, key, to_percent);
}

Result<std::vector<SizedDuration>> TomlTable::sized_durations(std::string_view key) const {
  Result<std::vector<SizedDuration>> pairs =
      read_array<SizedDuration>(*entry_, key, to_sized_duration);
  if (pairs && pairs->empty()) {
    return tl::unexpected<Error>(error(key, "it needs at least one pair like [128, \"2ms\"]"));
  }
  for (std::size_t i = 1; pairs && i < pairs->size(); ++i) {
    if (pairs->at(i).first <= pairs->at(i - 1).first) {
      return tl::unexpected<Error>(
          error(key, fmt::format("element {}: {} comes after {}; sizes must rise", i,
                                 pairs->at(i).first, pairs->at(i - 1).first)));
    }
  }
  return pairs;
}

Result<std::string> TomlTable::choice(std::string_view key,
                                      const std::vector<std::string_view>& valid) const {
  return toml_read<std::string>(*entry_, key, std::nullopt,
                                [&](const toml::node& node) { return one_of(node, valid); });
}
Result<std::string> TomlTable::choice(std::string_view key,
                                      const std::vector<std::string_view>& valid,
                                      std::string_view fallback) const {
  return has(key) ? choice(key, valid) : Result<std::string>(std::string(fallback));
}

}  // namespace gpreempt
