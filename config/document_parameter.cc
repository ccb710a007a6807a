#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "config/parameter.h"
#include "config/toml_entry.h"
#include "core/error.h"
#include "core/time.h"
#include "core/units.h"

/// Reading of model parameters.
namespace gpreempt {
namespace {

constexpr std::array kDistributions{Distribution::kPoint, Distribution::kUniform,
                                    Distribution::kLogUniform, Distribution::kChoice};
constexpr std::array kEvidence{Evidence::kMeasured, Evidence::kVendor, Evidence::kSource,
                               Evidence::kPeer,     Evidence::kRaw,    Evidence::kReport,
                               Evidence::kDerived,  Evidence::kVm,     Evidence::kGuess,
                               Evidence::kSimulated};

template <class Enum, std::size_t N>
std::vector<std::string_view> names_of(const std::array<Enum, N>& values) {
  std::vector<std::string_view> names;
  names.reserve(N);
  for (const Enum value : values) {
    names.push_back(to_string(value));
  }
  return names;
}

/// The enumerator with that name; the name must be one of `values`.
template <class Enum, std::size_t N>
Enum enum_of(const std::array<Enum, N>& values, std::string_view name) {
  const auto found = std::find_if(values.begin(), values.end(),
                                  [&](Enum value) { return to_string(value) == name; });
  GPREEMPT_CHECK(found != values.end());
  return *found;
}

Converted<double> whole_number(const toml::node& node) {
  constexpr std::uint64_t kExact = std::uint64_t{1} << 53U;
  return toml_integer(node).and_then([](std::uint64_t value) -> Converted<double> {
    if (value > kExact) {
      return tl::unexpected<std::string>("it is over 2^53");
    }
    return static_cast<double>(value);
  });
}

Converted<double> value_in(const toml::node& node, Quantity quantity) {
  switch (quantity) {
    case Quantity::kDuration:
      return toml_measure<Duration>(node, parse_duration).map([](Duration duration) {
        return static_cast<double>(to_ns(duration));
      });
    case Quantity::kBytes:
      if (node.is_integer()) {
        return whole_number(node);
      }
      return toml_measure<std::uint64_t>(node, parse_bytes).map([](std::uint64_t bytes) {
        return static_cast<double>(bytes);
      });
    case Quantity::kBandwidth: return toml_measure<double>(node, parse_bandwidth);
    case Quantity::kFrequency: return toml_measure<double>(node, parse_frequency);
    case Quantity::kFlops: return toml_measure<double>(node, parse_flops);
    case Quantity::kCount: return whole_number(node);
    case Quantity::kNumber: return toml_number(node);
  }
  return tl::unexpected<std::string>("no such quantity");
}

Converted<std::vector<double>> range_in(const toml::node& node, Quantity quantity) {
  const toml::array* array = node.as_array();
  if (array == nullptr) {
    return tl::unexpected<std::string>("a range is an array of values");
  }
  std::vector<double> range;
  for (std::size_t i = 0; i < array->size(); ++i) {
    const Converted<double> value = value_in(*array->get(i), quantity);
    if (!value) {
      return tl::unexpected<std::string>(fmt::format("element {}: {}", i, value.error()));
    }
    range.push_back(*value);
  }
  return range;
}

/// Why `parameter`'s prior makes no sense; empty if it does.
std::string prior_problem(const Parameter& parameter) {
  const std::vector<double>& range = parameter.range;
  switch (parameter.distribution) {
    case Distribution::kPoint:
      return range.empty() ? "" : "a range needs a distribution: uniform, log-uniform or choice";
    case Distribution::kChoice:
      if (range.empty()) {
        return "a choice needs a range that lists its values";
      }
      return std::ranges::count(range, parameter.value) != 0
                 ? ""
                 : "the value is not one of the choices; add it to the range";
    case Distribution::kUniform:
    case Distribution::kLogUniform: break;
  }
  if (range.size() != 2 || !(range[0] < range[1])) {
    return "a range needs two values, the smaller one first";
  }
  if (parameter.distribution == Distribution::kLogUniform && !(range[0] > 0)) {
    return "a log-uniform range must start above 0";
  }
  return parameter.value >= range[0] && parameter.value <= range[1]
             ? ""
             : "the value lies outside its range; widen one of them";
}

}  // namespace

Result<Parameter> TomlTable::parameter(std::string_view key, Quantity quantity) const {
  const TomlKind found = kind(key);
  if (found != TomlKind::kAbsent && found != TomlKind::kTable) {
    return tl::unexpected<Error>(error(
        key, "in a model no number is bare: write { value = ..., evidence = ..., source = ... }"));
  }
  const Result<TomlTable> opened = table(key);
  if (!opened) {
    return tl::unexpected<Error>(opened.error());
  }
  Parameter parameter;
  parameter.name = opened->path();
  parameter.quantity = quantity;
  TomlEntry& entry = *opened->entry_;
  GPREEMPT_TRY(store(parameter.value,
                     toml_read<double>(entry, "value", std::nullopt, [&](const toml::node& node) {
                       return value_in(node, quantity);
                     })));
  GPREEMPT_TRY(store(parameter.range,
                     toml_read<std::vector<double>>(
                         entry, "range", std::vector<double>{},
                         [&](const toml::node& node) { return range_in(node, quantity); })));
  std::string distribution;
  std::string evidence;
  GPREEMPT_TRY(
      store(distribution, opened->choice("distribution", names_of(kDistributions), "point")));
  GPREEMPT_TRY(store(evidence, opened->choice("evidence", names_of(kEvidence))));
  GPREEMPT_TRY(store(parameter.source, opened->string("source")));
  parameter.distribution = enum_of(kDistributions, distribution);
  parameter.evidence = enum_of(kEvidence, evidence);
  if (parameter.source.empty()) {
    return tl::unexpected<Error>(opened->error("source", "empty; say where the number comes from"));
  }
  if (const std::string problem = prior_problem(parameter); !problem.empty()) {
    return tl::unexpected<Error>(
        opened->error(entry.find("range") != nullptr ? "range" : "value", problem));
  }
  return parameter;
}

}  // namespace gpreempt
